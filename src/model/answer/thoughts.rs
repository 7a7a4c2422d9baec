//! Tells thinking from answering, by the provider's flag or by tags at the beginning of a reply.

use crate::agents::Delta;

/// What thoughts stand between.
#[derive(Debug, PartialEq, Eq)]
struct Tag {
    open: &'static str,
    close: &'static str,
}

const GOOGLES: Tag = Tag { open: "<thought>", close: "</thought>" };
/// Of Qwen, `DeepSeek` and others, behind a server that does not part them.
const OTHERS: Tag = Tag { open: "<think>", close: "</think>" };

/// Routes the pieces of one reply; a tag may come in pieces too.
#[derive(Debug, Default)]
pub(in crate::model) struct Thoughts {
    mode: Mode,
    /// The beginning of what may become a tag.
    held: String,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Mode {
    /// Nothing was said yet: an opening tag may come.
    #[default]
    Start,
    /// Between tags, without a flag.
    Tagged(&'static Tag),
    /// Flagged pieces came: a closing tag may begin the answer.
    Flagged,
    /// A closing tag came: the blank lines behind it are no words.
    Closed,
    /// The answer.
    Answer,
}

impl Thoughts {
    /// Takes a piece that the provider marked as a thought.
    pub(in crate::model) fn flagged(&mut self, mut text: String, out: &mut Vec<Delta>) {
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

    /// Takes a piece without a mark.
    pub(in crate::model) fn plain(&mut self, text: String, out: &mut Vec<Delta>) {
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

    /// Says what was held back, since no more will come.
    pub(in crate::model) fn flush(&mut self, out: &mut Vec<Delta>) {
        let held = std::mem::take(&mut self.held);
        let is_thought = matches!(self.mode, Mode::Tagged(_));
        say(out, if is_thought { Delta::Thought } else { Delta::Text }, held);
    }

    /// If a tag opens the text, thoughts follow; else this is the answer.
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

    /// A closing tag that begins the answer is taken off.
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

/// How many bytes at the end of `text` may be the beginning of the closing tag.
fn begun_tag(text: &str, close: &str) -> usize {
    (1..close.len()).rev().find(|&n| text.ends_with(close.get(..n).unwrap_or(close))).unwrap_or(0)
}

fn say(out: &mut Vec<Delta>, kind: fn(String) -> Delta, text: String) {
    if !text.is_empty() {
        out.push(kind(text));
    }
}
