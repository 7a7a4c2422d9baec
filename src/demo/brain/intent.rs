//! What a person can want.

use super::dates::{Delay, Due, When};
use super::details::Priority;
use super::filter::{Filter, TodoStatus};
use super::target::Target;

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
    Chat(SmallTalk),
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
pub(super) enum SmallTalk {
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
    pub(super) fn needs(&self) -> Option<TodoStatus> {
        match self {
            Self::Complete => Some(TodoStatus::Open),
            Self::Reopen => Some(TodoStatus::Done),
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
