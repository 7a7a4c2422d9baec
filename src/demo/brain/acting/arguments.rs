//! Writes arguments of calls by each tool's schema, so that the brain works with other todo
//! servers.

use jiff::Zoned;
use serde_json::{Map, Value, json};

use super::super::reading::dates::{Due, When};
use super::super::reading::details::Priority;
use super::super::reading::filter::{Filter, TodoStatus, Window};
use super::super::reading::intent::{Action, NewTodo};
use super::lookup::Todo;
use super::roles::Roles;
use super::schema::{Field, Property, property};
use crate::conversation::{PlannedCall, ToolSpec};

/// Todos per page.
const PAGE: u64 = 100;

type ArgumentMap = Map<String, Value>;

/// The call that creates a todo. Details without an argument go into the title, so that nothing
/// that the user said is lost.
pub(in crate::brain) fn creation(tool: &ToolSpec, todo: &NewTodo, now: &Zoned) -> PlannedCall {
    let mut arguments = ArgumentMap::new();
    let mut asides = Vec::new();
    if let Some(due) = todo.due {
        match property(tool, Field::Due) {
            Some(field) => set(&mut arguments, field, due_value(field, due, now)),
            None => asides.push(format!("due {}", due.text())),
        }
    }
    if let Some(priority) = todo.priority {
        match property(tool, Field::Priority)
            .and_then(|field| Some((field, level(field, priority)?)))
        {
            Some((field, level)) => set(&mut arguments, field, level),
            None => asides.push(format!("{} priority", priority.text())),
        }
    }
    if !todo.tags.is_empty() {
        match property(tool, Field::Tags) {
            Some(field) => set(&mut arguments, field, tags_value(field, &todo.tags)),
            None => asides.extend(todo.tags.iter().map(|tag| format!("#{tag}"))),
        }
    }
    let aside = if asides.is_empty() { String::new() } else { format!(" ({})", asides.join(", ")) };
    let title = Value::String(format!("{}{aside}", todo.title));
    let named = property(tool, Field::Title).map(|field| (field.name.to_owned(), title));
    PlannedCall { name: tool.name.clone(), arguments: named.into_iter().chain(arguments).collect() }
}

/// The call that lists what a filter wants, as far as the tool can filter.
pub(in crate::brain) fn listing(tool: &ToolSpec, filter: &Filter, now: &Zoned) -> PlannedCall {
    let mut arguments = ArgumentMap::new();
    let mut give = |field: Field, value: Option<Value>| {
        if let Some((field, value)) = property(tool, field).zip(value) {
            set(&mut arguments, field, value);
        }
    };
    let overdue = (filter.window == Window::Overdue).then_some(TodoStatus::Open);
    give(
        Field::Status,
        property(tool, Field::Status).and_then(|field| status(field, filter.status.or(overdue))),
    );
    give(Field::FilterTag, filter.tag.clone().map(Value::String));
    give(Field::FilterText, filter.text.clone().map(Value::String));
    let (first, last) = match filter.window {
        Window::Any => (None, None),
        // Includes today: something due earlier today is overdue too.
        Window::Overdue => (None, Some(now.date())),
        Window::Days(first, last) => (first, last),
    };
    give(Field::DueFrom, first.map(|day| json!(day.to_string())));
    give(Field::DueTo, last.map(|day| json!(day.to_string())));
    // The tool does not filter by priority, so a larger page is requested and filtered here.
    give(Field::Limit, filter.priority.and_then(|_| property(tool, Field::Limit)).map(limit));
    PlannedCall { name: tool.name.clone(), arguments }
}

/// The call that looks for todos to change, from an offset of the list.
pub(in crate::brain) fn looking(
    tool: &ToolSpec,
    needs: Option<TodoStatus>,
    offset: Option<u64>,
) -> PlannedCall {
    let mut arguments = ArgumentMap::new();
    let status =
        property(tool, Field::Status).and_then(|field| Some((field, status(field, needs)?)));
    let limit = property(tool, Field::Limit).map(|field| (field, limit(field)));
    for (field, value) in status.into_iter().chain(limit) {
        set(&mut arguments, field, value);
    }
    let mut call = PlannedCall { name: tool.name.clone(), arguments };
    if let (Some(field), Some(offset)) = (property(tool, Field::Offset), offset) {
        set(&mut call.arguments, field, json!(offset));
    }
    call
}

/// The call that changes a todo; none if no tool can.
pub(in crate::brain) fn acting(
    roles: &Roles<'_>,
    todo: &Todo,
    action: &Action,
    now: &Zoned,
) -> Option<PlannedCall> {
    let direct = match action {
        Action::Delete => roles.delete.map(|tool| call(tool, todo)),
        Action::Complete => roles.complete.map(|tool| call(tool, todo)),
        Action::Reopen
        | Action::Rename(_)
        | Action::Reschedule(_)
        | Action::Postpone(_)
        | Action::ClearDue
        | Action::SetPriority(_)
        | Action::AddTags(_)
        | Action::RemoveTags(_)
        | Action::SetNotes(_) => None,
    };
    if direct.is_some() || *action == Action::Delete {
        return direct.flatten();
    }
    let tool = roles.update?;
    let (field, value) = update(tool, todo, action, now)?;
    let mut call = call(tool, todo)?;
    set(&mut call.arguments, field, value);
    Some(call)
}

/// The due time after a move. A time alone keeps the day.
pub(in crate::brain) fn moved(todo: &Todo, when: When, now: &Zoned) -> Due {
    match (when.date, todo.due) {
        (None, Some(due)) => Due { date: due.date, time: when.time },
        (None, None) | (Some(_), _) => when.settle(now),
    }
}

fn call(tool: &ToolSpec, todo: &Todo) -> Option<PlannedCall> {
    let mut arguments = ArgumentMap::new();
    set(&mut arguments, property(tool, Field::Id)?, todo.id.clone());
    Some(PlannedCall { name: tool.name.clone(), arguments })
}

fn update<'a>(
    tool: &'a ToolSpec,
    todo: &Todo,
    action: &Action,
    now: &Zoned,
) -> Option<(Property<'a>, Value)> {
    let due = |due: Due| {
        let field = property(tool, Field::Due)?;
        Some((field, due_value(field, due, now)))
    };
    let tags = |tags: Vec<String>| {
        let field = property(tool, Field::Tags)?;
        Some((field, tags_value(field, &tags)))
    };
    match action {
        Action::Complete => state(tool, TodoStatus::Done),
        Action::Reopen => state(tool, TodoStatus::Open),
        Action::Rename(title) => Some((property(tool, Field::Title)?, json!(title))),
        Action::Reschedule(when) => due(moved(todo, *when, now)),
        Action::Postpone(delay) => {
            due(todo.due.unwrap_or(Due { date: now.date(), time: None }).later(*delay)?)
        }
        Action::ClearDue => Some((property(tool, Field::Due)?, Value::Null)),
        Action::SetPriority(priority) => {
            let field = property(tool, Field::Priority)?;
            Some((field, level(field, *priority)?))
        }
        Action::AddTags(new) => tags(with_tags(&todo.tags, new)),
        Action::RemoveTags(old) => tags(without_tags(&todo.tags, old)),
        Action::SetNotes(text) => Some((property(tool, Field::Notes)?, json!(text))),
        Action::Delete => None,
    }
}

fn with_tags(own: &[String], new: &[String]) -> Vec<String> {
    let fresh = new.iter().filter(|tag| !own.contains(tag));
    own.iter().chain(fresh).cloned().collect()
}

fn without_tags(own: &[String], old: &[String]) -> Vec<String> {
    own.iter().filter(|tag| !old.iter().any(|old| old.eq_ignore_ascii_case(tag))).cloned().collect()
}

/// The status as a word or as a flag, whichever the tool has.
fn state(tool: &ToolSpec, wanted: TodoStatus) -> Option<(Property<'_>, Value)> {
    let named =
        property(tool, Field::Status).and_then(|field| Some((field, status(field, Some(wanted))?)));
    named.or_else(|| Some((property(tool, Field::DoneFlag)?, json!(wanted == TodoStatus::Done))))
}

fn status(field: Property<'_>, wanted: Option<TodoStatus>) -> Option<Value> {
    let words: &[&str] = match wanted {
        Some(TodoStatus::Done) => &["done", "completed", "complete", "closed", "finished"],
        Some(TodoStatus::Open) => {
            &["open", "pending", "todo", "active", "incomplete", "needsAction"]
        }
        None => return field.choices().contains(&"all").then(|| json!("all")),
    };
    field.choose(words).map(|word| json!(word))
}

fn level(field: Property<'_>, priority: Priority) -> Option<Value> {
    let words: &[&str] = match priority {
        Priority::Low => &["low"],
        Priority::Normal => &["normal", "medium"],
        Priority::High => &["high", "urgent"],
    };
    field.choose(words).map(|word| json!(word))
}

fn due_value(field: Property<'_>, due: Due, now: &Zoned) -> Value {
    let moment = due.date.to_datetime(due.time.unwrap_or_default());
    let zoned = moment.to_zoned(now.time_zone().clone()).ok().filter(|_| field.wants_moment());
    zoned.map_or_else(
        || json!(due.text()),
        |zoned| json!(zoned.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string()),
    )
}

fn limit(field: Property<'_>) -> Value {
    json!(field.maximum().unwrap_or(PAGE).min(PAGE))
}

fn tags_value(field: Property<'_>, tags: &[String]) -> Value {
    if field.is("array") || !field.is("string") { json!(tags) } else { json!(tags.join(", ")) }
}

fn set(arguments: &mut ArgumentMap, field: Property<'_>, value: Value) {
    arguments.insert(field.name.to_owned(), value);
}
