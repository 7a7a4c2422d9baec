//! What a user can want, as the brain understands it.

use super::dates::{Delay, Due, When};
use super::details::Priority;
use super::filter::{Filter, TodoStatus};
use super::target::Target;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::brain) enum Intent {
    /// New todos.
    Add(Vec<NewTodo>),
    /// Words that may be meant as new todos; the brain asks first.
    Offer(Vec<NewTodo>),
    /// A change of existing todos.
    Change(Change),
    /// A list.
    List(Filter),
    /// The last change is to be taken back.
    Undo,
    /// No tool is needed.
    Chat(SmallTalk),
    /// A command that cannot be carried out like this.
    Unclear(Unclear),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::brain) struct NewTodo {
    pub(in crate::brain) title: String,
    pub(in crate::brain) due: Option<Due>,
    pub(in crate::brain) priority: Option<Priority>,
    pub(in crate::brain) tags: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::brain) struct Change {
    pub(in crate::brain) target: Target,
    pub(in crate::brain) action: Action,
    pub(in crate::brain) tone: Tone,
}

/// Whether a command may be carried out immediately.
///
/// "All done!" is said carelessly, so the brain asks first. It does not ask before it deletes: the
/// server holds such calls until the person approves them (ADR 38).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::brain) enum Tone {
    Plain,
    Sweeping,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::brain) enum Action {
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

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::brain) enum SmallTalk {
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

/// Why a message is not carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::brain) enum Unclear {
    /// Not understood. Never guessed (ADR 9).
    Unknown,
    /// "Don't …".
    Negated,
    /// A question about how or whether, not a command.
    HowTo,
    /// "Add", with nothing to add.
    NothingToAdd,
    /// A change without a todo.
    NoTarget(&'static str),
    /// "All except …".
    Except,
    /// A day or time that cannot be read.
    NoDate,
    /// Repeating todos are not supported.
    Repeating,
    /// More than is safe in one message.
    TooMany,
    /// A title that sounds like a second command.
    TwoThings(String),
}

impl Action {
    /// The status that a todo must have to be meant: "complete milk" is not about a done one.
    pub(in crate::brain) fn needs(&self) -> Option<TodoStatus> {
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
