//! A todo, as stored and as tools answer it. The doc comments of the answers are text for the
//! model.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::due::Due;
use super::schema::Plain;

/// Whether a todo is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub(super) enum TodoStatus {
    Open,
    Done,
}

/// How much a todo matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub(super) enum Priority {
    Low,
    Normal,
    High,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Todo {
    pub(super) id: String,
    pub(super) title: String,
    pub(super) notes: Option<String>,
    pub(super) status: TodoStatus,
    pub(super) priority: Priority,
    pub(super) due: Option<Due>,
    pub(super) tags: Vec<String>,
    pub(super) created_at: Timestamp,
    pub(super) updated_at: Timestamp,
    pub(super) completed_at: Option<Timestamp>,
}

/// A todo as tools answer it.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(inline, rename = "Todo", transform = Plain(&[]))]
pub(super) struct TodoView {
    /// Names the todo in other calls.
    id: String,
    /// What to do.
    title: String,
    /// More about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    notes: Option<String>,
    /// Whether it is done.
    status: TodoStatus,
    /// How much it matters.
    priority: Priority,
    /// A day (2026-11-22) or a local time (2026-11-22T17:00).
    #[serde(skip_serializing_if = "Option::is_none")]
    due: Option<String>,
    /// Words it is filed under.
    tags: Vec<String>,
    /// When it was made (UTC).
    created_at: String,
    /// When it was last changed (UTC).
    updated_at: String,
    /// When it was done (UTC).
    #[serde(skip_serializing_if = "Option::is_none")]
    completed_at: Option<String>,
}

/// What the tools answer that add or change a todo.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(inline, rename = "Todo", transform = Plain(&[]))]
pub(super) struct Saved {
    #[serde(flatten)]
    pub(super) todo: TodoView,
    /// Only when a call is repeated with its idempotency key: that the todo has since been deleted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) gone: Option<String>,
}

/// What `delete_todo` answers.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(inline, transform = Plain(&[]))]
pub(super) struct Deleted {
    /// The todo as it was.
    pub(super) deleted: TodoView,
}

/// What `list_todos` answers.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(inline, transform = Plain(&[]))]
pub(super) struct TodoList {
    /// This page.
    pub(super) todos: Vec<TodoView>,
    /// How many todos match, on all pages.
    pub(super) total: i64,
    /// The offset of the next page, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) next_offset: Option<i64>,
}

impl TodoStatus {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Done => "done",
        }
    }
}

impl Priority {
    pub(super) const fn rank(self) -> i64 {
        match self {
            Self::Low => 0,
            Self::Normal => 1,
            Self::High => 2,
        }
    }

    pub(super) const fn of_rank(rank: i64) -> Self {
        match rank {
            ..=0 => Self::Low,
            1 => Self::Normal,
            2.. => Self::High,
        }
    }
}

impl Todo {
    /// Marks it as done or open; doing so twice changes nothing more.
    pub(super) fn set_status(&mut self, status: TodoStatus, now: Timestamp) {
        self.status = status;
        self.completed_at = match status {
            TodoStatus::Open => None,
            TodoStatus::Done => self.completed_at.or(Some(now)),
        };
    }
}

impl TodoView {
    pub(super) fn id(&self) -> &str {
        &self.id
    }
}

impl From<Todo> for TodoView {
    fn from(todo: Todo) -> Self {
        Self {
            id: todo.id,
            title: todo.title,
            notes: todo.notes,
            status: todo.status,
            priority: todo.priority,
            due: todo.due.map(|due| due.to_string()),
            tags: todo.tags,
            created_at: todo.created_at.to_string(),
            updated_at: todo.updated_at.to_string(),
            completed_at: todo.completed_at.map(|time| time.to_string()),
        }
    }
}
