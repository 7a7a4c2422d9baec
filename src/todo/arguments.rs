//! The arguments of each tool: the schema that models see, and its conversion to checked values.
//! The doc comments of these fields are text for the model.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Deserialize;
use uuid::Uuid;

use super::due::{Due, day_key};
use super::query::{Filter, Sort, Source};
use super::refusal::Refusal;
use super::rules::{self, MAX_ID, MAX_NOTES, MAX_TAG, MAX_TAGS, MAX_TEXT, MAX_TITLE};
use super::schema::{Plain, null_as_empty, whole_number};
use super::value::{Priority, Todo, TodoStatus};

const MAX_LIMIT: i64 = 100;
const DEFAULT_LIMIT: i64 = 50;
const DEFAULT_CHANGES: i64 = 20;
/// Short enough for a model to copy without errors, and still 48 random bits.
const ID_DIGITS: usize = 12;

/// Arguments of `create_todo`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(transform = Plain(&[]))]
pub(super) struct CreateTodo {
    /// What to do, in the person's words, without the due time. 1 to 200 characters.
    #[schemars(length(min = 1, max = MAX_TITLE))]
    title: String,
    /// More about it, at most 4000 characters. Leave out if there is nothing more.
    #[schemars(length(max = MAX_NOTES))]
    notes: Option<String>,
    /// How much it matters. Normal if left out.
    priority: Option<Priority>,
    /// When it is due: a day as 2026-11-22, or the person's local time as 2026-11-22T17:00, without an offset.
    due: Option<String>,
    /// Words to file it under, without #.
    #[schemars(length(max = MAX_TAGS), inner(length(min = 1, max = MAX_TAG)))]
    tags: Option<Vec<String>>,
}

/// Arguments of `list_todos`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(transform = Plain(&[]))]
pub(super) struct ListTodos {
    /// Only open or only done todos, or the deleted ones in the trash. Open and done if left out.
    status: Option<StatusFilter>,
    /// Only todos with exactly this tag, in small or capital letters.
    #[schemars(length(max = MAX_TAG))]
    tag: Option<String>,
    /// Only todos with this text somewhere in title, notes or tags, in small or capital letters.
    #[schemars(length(max = MAX_TEXT))]
    text: Option<String>,
    /// Only todos due on this day (2026-11-22) or later.
    due_from: Option<String>,
    /// Only todos due on this day (2026-11-22) or earlier.
    due_to: Option<String>,
    /// What to sort by; todos without a due time come last. Created if left out.
    sort: Option<Sort>,
    /// Ascending or descending. Ascending if left out.
    order: Option<Direction>,
    /// How many todos at most, 1 to 100. 50 if left out.
    #[serde(default, deserialize_with = "whole_number")]
    #[schemars(range(min = 1, max = MAX_LIMIT))]
    limit: Option<i64>,
    /// How many todos to skip; `next_offset` of the page before. 0 if left out.
    #[serde(default, deserialize_with = "whole_number")]
    #[schemars(range(min = 0))]
    offset: Option<i64>,
}

/// Arguments of the tools that take a todo as it is.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct TodoId {
    /// The todo's id, as `list_todos` gives it.
    #[schemars(length(min = 1, max = MAX_ID))]
    pub(super) id: String,
}

/// Arguments of `undo_change`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(transform = Plain(&[]))]
pub(super) struct UndoChange {
    /// The number of the change, as `list_changes` gives it. The last change if left out.
    #[serde(default, deserialize_with = "whole_number")]
    #[schemars(range(min = 1))]
    pub(super) change: Option<i64>,
}

/// Arguments of `list_changes`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(transform = Plain(&[]))]
pub(super) struct ListChanges {
    /// Only changes of the todo with this id.
    #[schemars(length(max = MAX_ID))]
    id: Option<String>,
    /// How many changes at most, 1 to 100. 20 if left out.
    #[serde(default, deserialize_with = "whole_number")]
    #[schemars(range(min = 1, max = MAX_LIMIT))]
    limit: Option<i64>,
    /// How many changes to skip; `next_offset` of the page before. 0 if left out.
    #[serde(default, deserialize_with = "whole_number")]
    #[schemars(range(min = 0))]
    offset: Option<i64>,
}

/// A page of the history.
#[derive(Debug)]
pub(super) struct ChangesPage {
    pub(super) todo: Option<String>,
    pub(super) limit: i64,
    pub(super) offset: i64,
}

/// Arguments of `update_todo`; what is left out stays as it is.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(transform = Plain(&["notes", "due"]))]
pub(super) struct UpdateTodo {
    /// The todo's id, as `list_todos` gives it.
    #[schemars(length(min = 1, max = MAX_ID))]
    pub(super) id: String,
    /// The new title, 1 to 200 characters. Leave out to keep the old one.
    #[schemars(length(min = 1, max = MAX_TITLE))]
    title: Option<String>,
    /// The new notes. Leave out to keep them; null takes them away.
    #[serde(default, deserialize_with = "null_as_empty")]
    #[schemars(length(max = MAX_NOTES))]
    notes: Option<String>,
    /// The new priority. Leave out to keep the old one.
    priority: Option<Priority>,
    /// The new due day (2026-11-22) or local time (2026-11-22T17:00). Leave out to keep it; null takes it away.
    #[serde(default, deserialize_with = "null_as_empty")]
    due: Option<String>,
    /// All tags from now on, in place of the old ones. Leave out to keep those.
    #[schemars(length(max = MAX_TAGS), inner(length(min = 1, max = MAX_TAG)))]
    tags: Option<Vec<String>>,
    /// `open` reopens a done todo, `done` completes it. Leave out to keep it.
    status: Option<TodoStatus>,
}

/// Which todos by status.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
enum StatusFilter {
    Open,
    Done,
    All,
    Deleted,
}

/// Which way to sort.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
enum Direction {
    Asc,
    Desc,
}

impl CreateTodo {
    pub(super) fn into_todo(self, now: Timestamp) -> Result<Todo, Refusal> {
        let id = Uuid::new_v4().simple().to_string();
        Ok(Todo {
            id: format!("t{}", id.get(..ID_DIGITS).unwrap_or(&id)),
            title: rules::title(&self.title)?,
            notes: rules::notes(&self.notes.unwrap_or_default())?,
            status: TodoStatus::Open,
            priority: self.priority.unwrap_or(Priority::Normal),
            due: rules::due(&self.due.unwrap_or_default())?,
            tags: rules::tags(&self.tags.unwrap_or_default())?,
            created_at: now,
            updated_at: now,
            completed_at: None,
            deleted_at: None,
        })
    }
}

impl UpdateTodo {
    /// Checks every field before the todo is locked, and returns the change to make under the lock.
    pub(super) fn check(self) -> Result<impl FnOnce(&mut Todo, Timestamp), Refusal> {
        let title = self.title.as_deref().map(rules::title).transpose()?;
        let notes = self.notes.as_deref().map(rules::notes).transpose()?;
        let due = self.due.as_deref().map(rules::due).transpose()?;
        let tags = self.tags.as_deref().map(rules::tags).transpose()?;
        let (priority, status) = (self.priority, self.status);
        let words = title.is_some() || notes.is_some() || tags.is_some();
        if !words && due.is_none() && priority.is_none() && status.is_none() {
            return Err(Refusal::NothingToChange);
        }
        Ok(move |todo: &mut Todo, now| {
            replace(&mut todo.title, title);
            replace(&mut todo.notes, notes);
            replace(&mut todo.priority, priority);
            replace(&mut todo.due, due);
            replace(&mut todo.tags, tags);
            if let Some(status) = status {
                todo.set_status(status, now);
            }
        })
    }
}

impl ListTodos {
    pub(super) fn into_filter(self) -> Result<Filter, Refusal> {
        let (limit, offset) = page(self.limit.unwrap_or(DEFAULT_LIMIT), self.offset)?;
        Ok(Filter {
            source: self.status.map_or(Source::List, StatusFilter::source),
            status: self.status.and_then(StatusFilter::only),
            tag: given(self.tag.as_ref()).map(rules::tag).transpose()?,
            text: given(self.text.as_ref()).map(rules::text).transpose()?,
            due_from: given(self.due_from.as_ref())
                .map(|day| first_key("due_from", day))
                .transpose()?,
            due_before: given(self.due_to.as_ref())
                .map(|day| last_key("due_to", day))
                .transpose()?,
            sort: self.sort.unwrap_or(Sort::Created),
            descending: matches!(self.order, Some(Direction::Desc)),
            limit,
            offset,
        })
    }
}

impl ListChanges {
    pub(super) fn into_page(self) -> Result<ChangesPage, Refusal> {
        let (limit, offset) = page(self.limit.unwrap_or(DEFAULT_CHANGES), self.offset)?;
        let todo = given(self.id.as_ref()).map(rules::id).transpose()?.map(str::to_owned);
        Ok(ChangesPage { todo, limit, offset })
    }
}

impl StatusFilter {
    const fn only(self) -> Option<TodoStatus> {
        match self {
            Self::Open => Some(TodoStatus::Open),
            Self::Done => Some(TodoStatus::Done),
            Self::All | Self::Deleted => None,
        }
    }

    const fn source(self) -> Source {
        match self {
            Self::Open | Self::Done | Self::All => Source::List,
            Self::Deleted => Source::Trash,
        }
    }
}

fn page(limit: i64, offset: Option<i64>) -> Result<(i64, i64), Refusal> {
    let offset = offset.unwrap_or(0);
    if !(1..=MAX_LIMIT).contains(&limit) {
        return Err(Refusal::Limit(MAX_LIMIT));
    }
    if offset < 0 {
        return Err(Refusal::NegativeOffset);
    }
    Ok((limit, offset))
}

/// A blank filter filters nothing: models fill in members that they do not mean.
fn given(filter: Option<&String>) -> Option<&str> {
    filter.map(String::as_str).filter(|text| !text.trim().is_empty())
}

fn first_key(field: &'static str, day: &str) -> Result<i64, Refusal> {
    Due::parse(day).map(|due| day_key(due.date())).map_err(|_| Refusal::NotADay(field))
}

/// The key after every minute of the day.
fn last_key(field: &'static str, day: &str) -> Result<i64, Refusal> {
    first_key(field, day).map(|key| key + 10_000)
}

fn replace<T>(place: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *place = value;
    }
}
