//! Shared by `changing` and `stating`: a phrase names todos, an action changes them.

use jiff::Zoned;

use super::intent::{Action, Change, Intent, Tone, Unclear};
use super::target::{NoTarget, read_target};
use super::words::{Word, after, before, capital, join, lowers, trim};

pub(in crate::brain) fn change(target: &[Word], action: Action, now: &Zoned) -> Intent {
    match read_target(target, now) {
        Ok(target) => Intent::Change(Change { target, action, tone: Tone::Plain }),
        Err(NoTarget::Except) => Intent::Unclear(Unclear::Except),
        Err(NoTarget::Missing) => Intent::Unclear(Unclear::NoTarget(verb(&action))),
    }
}

/// The verb for texts to the user.
pub(in crate::brain) fn verb(action: &Action) -> &'static str {
    match action {
        Action::Complete => "complete",
        Action::Reopen => "reopen",
        Action::Delete => "delete",
        Action::Rename(_) => "rename",
        Action::Reschedule(_) | Action::Postpone(_) | Action::ClearDue => "reschedule",
        Action::SetPriority(_)
        | Action::AddTags(_)
        | Action::RemoveTags(_)
        | Action::SetNotes(_) => "change",
    }
}

/// The words without `start` at the beginning and `end` at the end.
pub(in crate::brain) fn between(words: &[Word], start: usize, end: usize) -> &[Word] {
    after(before(words, words.len().saturating_sub(end)), start)
}

/// "note on X: text".
pub(in crate::brain) fn noted(words: &[Word], skip: usize, now: &Zoned) -> Option<Intent> {
    let colon = lowers(words).iter().position(|word| matches!(*word, ":" | "saying"))?;
    let note = capital(&join(trim(after(words, colon + 1))));
    (!note.is_empty())
        .then(|| change(after(before(words, colon), skip), Action::SetNotes(note), now))
}
