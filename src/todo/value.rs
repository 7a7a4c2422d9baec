//! A todo, as stored and as tools answer it. The doc comments of the answers are text for the
//! model.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::due::Due;
use super::history::{ChangeKind, KeptChange};
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
    /// In the trash since then.
    pub(super) deleted_at: Option<Timestamp>,
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
    /// When it was deleted (UTC); it is in the trash.
    #[serde(skip_serializing_if = "Option::is_none")]
    deleted_at: Option<String>,
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

/// What `undo_change` answers.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(inline, transform = Plain(&[]))]
pub(super) struct Undone {
    /// What had been done and is now undone.
    pub(super) what: ChangeKind,
    /// The number of the change that was undone.
    pub(super) change: i64,
    /// The todos as they are now. One with `deleted_at` is in the trash.
    pub(super) todos: Vec<TodoView>,
}

/// One change in the history.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(inline, transform = Plain(&[]))]
pub(super) struct ChangeView {
    /// Names the change in `undo_change`.
    pub(super) change: i64,
    /// What was done.
    pub(super) what: ChangeKind,
    /// The todo's id.
    pub(super) id: String,
    /// The todo's title after it.
    pub(super) title: String,
    /// When it was made (UTC).
    pub(super) made_at: String,
    /// The number of the change that it undoes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) undoes: Option<i64>,
    /// The number of the change that undid it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) undone_by: Option<i64>,
}

/// What `list_changes` answers.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(inline, transform = Plain(&[]))]
pub(super) struct ChangeList {
    /// This page, the newest first.
    pub(super) changes: Vec<ChangeView>,
    /// The offset of the next page, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) next_offset: Option<i64>,
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

    /// The todo that it shows.
    pub(super) fn into_todo(self) -> Result<Todo, jiff::Error> {
        let time = |text: Option<String>| text.map(|text| text.parse()).transpose();
        Ok(Todo {
            id: self.id,
            title: self.title,
            notes: self.notes,
            status: self.status,
            priority: self.priority,
            due: self.due.and_then(|due| Due::parse(&due).ok()),
            tags: self.tags,
            created_at: self.created_at.parse()?,
            updated_at: self.updated_at.parse()?,
            completed_at: time(self.completed_at)?,
            deleted_at: time(self.deleted_at)?,
        })
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
            deleted_at: todo.deleted_at.map(|time| time.to_string()),
        }
    }
}

impl From<KeptChange> for ChangeView {
    fn from(change: KeptChange) -> Self {
        Self {
            change: change.number,
            what: change.kind,
            id: change.todo_id,
            title: change.title,
            made_at: change.made_at.to_string(),
            undoes: change.undoes,
            undone_by: change.undone,
        }
    }
}
