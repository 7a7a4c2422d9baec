//! Tells thinking from answering, by the provider's flag or by `<thought>` tags.

use crate::agents::Delta;

const OPEN: &str = "<thought>";
const CLOSE: &str = "</thought>";

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
    Tagged,
    /// Flagged pieces came: a closing tag may begin the answer.
    Flagged,
    /// The answer.
    Answer,
}

impl Thoughts {
    /// Takes a piece that the provider marked as a thought.
    pub(in crate::model) fn flagged(&mut self, mut text: String, out: &mut Vec<Delta>) {
        if self.mode != Mode::Flagged {
            self.flush(out);
            self.mode = Mode::Flagged;
            if text.starts_with(OPEN) {
                text.drain(..OPEN.len());
            }
        }
        if text.ends_with(CLOSE) {
            text.truncate(text.len() - CLOSE.len());
        }
        say(out, Delta::Thought, text);
    }

    /// Takes a piece without a mark.
    pub(in crate::model) fn plain(&mut self, text: String, out: &mut Vec<Delta>) {
        match self.mode {
            Mode::Answer => say(out, Delta::Text, text),
            Mode::Start => self.look_for(OPEN, Mode::Tagged, &text, out),
            Mode::Flagged => self.look_for(CLOSE, Mode::Answer, &text, out),
            Mode::Tagged => self.think(&text, out),
        }
    }

    /// Says what was held back, since no more will come.
    pub(in crate::model) fn flush(&mut self, out: &mut Vec<Delta>) {
        let held = std::mem::take(&mut self.held);
        let is_thought = self.mode == Mode::Tagged;
        say(out, if is_thought { Delta::Thought } else { Delta::Text }, held);
    }

    /// If `tag` begins the text it is taken off and `then` follows; else this is the answer.
    fn look_for(&mut self, tag: &str, then: Mode, text: &str, out: &mut Vec<Delta>) {
        self.held.push_str(text);
        if self.held.len() < tag.len() && tag.starts_with(&self.held) {
            return;
        }
        let held = std::mem::take(&mut self.held);
        let rest = held.strip_prefix(tag);
        self.mode = if rest.is_some() { then } else { Mode::Answer };
        self.plain(rest.map(str::to_owned).unwrap_or(held), out);
    }

    fn think(&mut self, text: &str, out: &mut Vec<Delta>) {
        self.held.push_str(text);
        if let Some((thought, answer)) = self.held.split_once(CLOSE) {
            let (thought, answer) = (thought.to_owned(), answer.to_owned());
            self.held.clear();
            self.mode = Mode::Answer;
            say(out, Delta::Thought, thought);
            say(out, Delta::Text, answer);
            return;
        }
        let keep = begun_tag(&self.held);
        let held = self.held.split_off(self.held.len() - keep);
        say(out, Delta::Thought, std::mem::replace(&mut self.held, held));
    }
}

/// How many bytes at the end of `text` may be the beginning of the closing tag.
fn begun_tag(text: &str) -> usize {
    (1..CLOSE.len()).rev().find(|&n| text.ends_with(CLOSE.get(..n).unwrap_or(CLOSE))).unwrap_or(0)
}

fn say(out: &mut Vec<Delta>, kind: fn(String) -> Delta, text: String) {
    if !text.is_empty() {
        out.push(kind(text));
    }
}
