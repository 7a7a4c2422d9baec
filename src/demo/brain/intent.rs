//! What a person wants: one message, read on its own.

use jiff::Zoned;

use super::adding::read_add;
use super::asking::read_question;
use super::changing::read_change;
use super::chatting::read_chat;
use super::clauses::{Clause, Manner, clauses};
use super::dates::{Delay, Due, When};
use super::details::Priority;
use super::filter::{Filter, Status};
use super::stating::tags_and_notes;
use super::target::Target;
use super::words::{Kind, Word, lowers, words};

/// Longer messages are not commands, and reading them as such would take long.
const MOST_WORDS: usize = 300;

/// What one clause asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Intent {
    /// New todos.
    Add(Vec<NewTodo>),
    /// Words that may be meant as new todos; asked before anything is done.
    Offer(Vec<NewTodo>),
    /// Something about todos that are there.
    Change(Change),
    /// A look at the list.
    List(Filter),
    /// Words that need no tool.
    Chat(Chat),
    /// A command that cannot be carried out as it stands.
    Unclear(Unclear),
}

/// A todo that is to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct NewTodo {
    pub(super) title: String,
    pub(super) due: Option<Due>,
    pub(super) priority: Option<Priority>,
    pub(super) tags: Vec<String>,
}

/// A change, and what it is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Change {
    pub(super) target: Target,
    pub(super) action: Action,
    pub(super) tone: Tone,
}

/// Whether a command may be carried out at once.
///
/// "Delete all todos" names what it destroys and is done. "Delete everything" and "clear my list"
/// are said lightly, so they are asked back first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tone {
    Plain,
    Sweeping,
}

/// What is to be done with a todo.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Action {
    Complete,
    Reopen,
    Delete,
    Rename(String),
    Reschedule(When),
    Postpone(Delay),
    ClearDue,
    SetPriority(Priority),
    AddTags(Vec<String>),
    RemoveTags(Vec<String>),
    SetNotes(String),
}

/// Words that need no tool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Chat {
    Greet,
    Thanks,
    Bye,
    Help,
    Who,
    Date,
    Time,
    Yes,
    No,
    Skip,
}

/// Why a message leads to nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Unclear {
    /// Not a sentence this model knows.
    Unknown,
    /// Told not to do something.
    Negated,
    /// A question about how or whether, not a command.
    HowTo,
    /// "Add", with nothing to add.
    NothingToAdd,
    /// A change without a todo.
    NoTarget(&'static str),
    /// "All except …".
    Except,
    /// A day or time it cannot read.
    NoDate,
    /// Repeating todos are not known.
    Repeating,
    /// More in one message than is safe to do at once.
    TooMany,
    /// A title that sounds like a second command.
    TwoThings(String),
}

impl Action {
    /// The status a todo must have for the action to mean it.
    pub(super) fn needs(&self) -> Option<Status> {
        match self {
            Self::Complete => Some(Status::Open),
            Self::Reopen => Some(Status::Done),
            Self::Delete
            | Self::Rename(_)
            | Self::Reschedule(_)
            | Self::Postpone(_)
            | Self::ClearDue
            | Self::SetPriority(_)
            | Self::AddTags(_)
            | Self::RemoveTags(_)
            | Self::SetNotes(_) => None,
        }
    }
}

/// Reads a message. Small talk beside a command is dropped; a part that is not understood makes
/// the whole message not understood, so that nothing is done by halves.
pub(super) fn understand(text: &str, now: &Zoned) -> Vec<Intent> {
    if words(text).len() > MOST_WORDS {
        return vec![Intent::Unclear(Unclear::TooMany)];
    }
    let read: Vec<Intent> = clauses(text).iter().map(|clause| read_clause(clause, now)).collect();
    let unclear = read.iter().find(|intent| matches!(intent, Intent::Unclear(_)));
    if let Some(unclear) = unclear {
        return vec![unclear.clone()];
    }
    let (chat, mut work): (Vec<_>, Vec<_>) =
        read.into_iter().partition(|intent| matches!(intent, Intent::Chat(_)));
    if work.is_empty() {
        work = chat.into_iter().take(1).collect();
    }
    if work.is_empty() { vec![Intent::Unclear(Unclear::Unknown)] } else { work }
}

fn read_clause(clause: &Clause, now: &Zoned) -> Intent {
    let words = clause.words.as_slice();
    if let Some(chat) = read_chat(words) {
        return Intent::Chat(chat);
    }
    let asked = match clause.manner {
        Manner::Told | Manner::Requested => read_command(words, now),
        Manner::Asked => None,
        Manner::Refused => return Intent::Unclear(Unclear::Negated),
        Manner::HowTo => return Intent::Unclear(Unclear::HowTo),
    };
    asked
        .or_else(|| read_question(&without_bangs(words), now))
        .unwrap_or(Intent::Unclear(Unclear::Unknown))
}

fn read_command(words: &[Word], now: &Zoned) -> Option<Intent> {
    let calm = without_bangs(words);
    tags_and_notes(&calm, &lowers(&calm), now)
        .or_else(|| read_add(words, now))
        .or_else(|| read_change(&calm, now))
}

/// "!!" makes a new todo urgent, and means nothing elsewhere.
fn without_bangs(words: &[Word]) -> Vec<Word> {
    words.iter().filter(|word| word.kind != Kind::Bangs).cloned().collect()
}
