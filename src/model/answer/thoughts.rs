//! Separates thoughts from the answer, by the provider's flag or by tags at the start of a reply.

use base::agents::Delta;

#[derive(Debug, PartialEq, Eq)]
struct Tag {
    open: &'static str,
    close: &'static str,
}

const GOOGLES: Tag = Tag { open: "<thought>", close: "</thought>" };
/// Used by Qwen, `DeepSeek` and others behind a server that does not separate thoughts.
const OTHERS: Tag = Tag { open: "<think>", close: "</think>" };

/// Routes the pieces of one reply. A tag may be split over pieces.
#[derive(Debug, Default)]
pub(crate) struct Thoughts {
    mode: Mode,
    /// Text that may be the beginning of a tag.
    held: String,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Mode {
    /// Nothing came yet: an opening tag may follow. Later ones are text of the answer.
    #[default]
    Start,
    /// Between tags, in pieces without a flag.
    Tagged(&'static Tag),
    /// Flagged pieces came: the answer may begin with a closing tag.
    Flagged,
    /// A closing tag came: blank lines after it are not text.
    Closed,
    Answer,
}

impl Thoughts {
    /// Reads a piece that the provider marked as a thought.
    pub(crate) fn flagged(&mut self, mut text: String, out: &mut Vec<Delta>) {
        if self.mode != Mode::Flagged {
            self.flush(out);
            self.mode = Mode::Flagged;
            if text.starts_with(GOOGLES.open) {
                text.drain(..GOOGLES.open.len());
            }
        }
        if text.ends_with(GOOGLES.close) {
            text.truncate(text.len() - GOOGLES.close.len());
        }
        say(out, Delta::Thought, text);
    }

    /// Reads a piece without a mark.
    pub(crate) fn plain(&mut self, text: String, out: &mut Vec<Delta>) {
        match self.mode {
            Mode::Answer => say(out, Delta::Text, text),
            Mode::Start => self.begin(&text, out),
            Mode::Flagged => self.after_flags(&text, out),
            Mode::Tagged(tag) => self.think(tag, &text, out),
            Mode::Closed => {
                let words = text.trim_start();
                if !words.is_empty() {
                    self.mode = Mode::Answer;
                    say(out, Delta::Text, words.to_owned());
                }
            }
        }
    }

    /// Releases what was held back, because nothing more follows.
    pub(crate) fn flush(&mut self, out: &mut Vec<Delta>) {
        let held = std::mem::take(&mut self.held);
        let is_thought = matches!(self.mode, Mode::Tagged(_));
        say(out, if is_thought { Delta::Thought } else { Delta::Text }, held);
    }

    /// A tag at the start means that thoughts follow; otherwise this is the answer.
    fn begin(&mut self, text: &str, out: &mut Vec<Delta>) {
        self.held.push_str(text);
        let begun = self.held.trim_start();
        let found = [&GOOGLES, &OTHERS].into_iter().find(|tag| begun.starts_with(tag.open));
        if let Some(tag) = found {
            let rest = begun.strip_prefix(tag.open).unwrap_or_default().to_owned();
            self.held.clear();
            self.mode = Mode::Tagged(tag);
            return self.think(tag, &rest, out);
        }
        if !GOOGLES.open.starts_with(begun) && !OTHERS.open.starts_with(begun) {
            self.mode = Mode::Answer;
            self.flush(out);
        }
    }

    /// Removes a closing tag at the start of the answer.
    fn after_flags(&mut self, text: &str, out: &mut Vec<Delta>) {
        self.held.push_str(text);
        if self.held.len() < GOOGLES.close.len() && GOOGLES.close.starts_with(&self.held) {
            return;
        }
        if self.held.starts_with(GOOGLES.close) {
            self.held.drain(..GOOGLES.close.len());
        }
        self.mode = Mode::Answer;
        self.flush(out);
    }

    fn think(&mut self, tag: &'static Tag, text: &str, out: &mut Vec<Delta>) {
        self.held.push_str(text);
        if let Some((thought, answer)) = self.held.split_once(tag.close) {
            let (thought, answer) = (thought.to_owned(), answer.to_owned());
            self.held.clear();
            self.mode = Mode::Closed;
            say(out, Delta::Thought, thought);
            return self.plain(answer, out);
        }
        let keep = begun_tag(&self.held, tag.close);
        let held = self.held.split_off(self.held.len() - keep);
        say(out, Delta::Thought, std::mem::replace(&mut self.held, held));
    }
}

/// How many bytes at the end of `text` may begin the closing tag.
fn begun_tag(text: &str, close: &str) -> usize {
    (1..close.len()).rev().find(|&n| text.ends_with(close.get(..n).unwrap_or(close))).unwrap_or(0)
}

fn say(out: &mut Vec<Delta>, kind: fn(String) -> Delta, text: String) {
    if !text.is_empty() {
        out.push(kind(text));
    }
}
