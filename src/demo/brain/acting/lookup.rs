//! Reads todos from tools' answers, and finds those that are meant.

use jiff::Zoned;
use serde_json::{Map, Value};

use super::super::reading::dates::Due;
use super::super::reading::filter::{Filter, TodoStatus, Window};

const DEPTH: usize = 4;

type Fits = fn(&[String], &[String]) -> bool;

/// A todo as a server describes it. Servers differ, so missing members have defaults.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::brain) struct Todo {
    pub(in crate::brain) id: Value,
    pub(in crate::brain) title: String,
    pub(in crate::brain) notes: String,
    pub(in crate::brain) status: TodoStatus,
    pub(in crate::brain) due: Option<Due>,
    pub(in crate::brain) priority: Option<String>,
    pub(in crate::brain) tags: Vec<String>,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub(in crate::brain) struct Page {
    pub(in crate::brain) todos: Vec<Todo>,
    /// The total number, if the server says it.
    pub(in crate::brain) total: Option<u64>,
    /// The offset of the next page.
    pub(in crate::brain) next: Option<u64>,
}

impl Todo {
    /// The id as text; some servers use numbers.
    pub(in crate::brain) fn key(&self) -> String {
        self.id.as_str().map_or_else(|| self.id.to_string(), ToOwned::to_owned)
    }

    fn is_overdue(&self, now: &Zoned) -> bool {
        let passed = |due: Due| match due.time {
            Some(time) => due.date.to_datetime(time) < now.datetime(),
            None => due.date < now.date(),
        };
        self.status == TodoStatus::Open && self.due.is_some_and(passed)
    }
}

/// None if the answer cannot be read.
pub(in crate::brain) fn read_page(output: &str) -> Option<Page> {
    let value: Value = serde_json::from_str(output).ok()?;
    let todos = find_list(&value, DEPTH)?;
    let number = |name: &str| value.get(name).and_then(Value::as_u64);
    Some(Page { todos, total: number("total"), next: number("next_offset") })
}

/// The todo in an answer, directly or one level below.
pub(in crate::brain) fn read_todo(value: &Value) -> Option<Todo> {
    let fields = value.as_object()?;
    from_fields(fields).or_else(|| {
        let inner = fields.values().filter_map(Value::as_object);
        inner.into_iter().find_map(from_fields)
    })
}

/// The todos whose titles fit best: an equal title, otherwise every word, otherwise the start of
/// every word. A better level hides the others, so "milk" finds "Milk" and not "Oat milk".
pub(in crate::brain) fn fitting<'a>(todos: &[&'a Todo], phrase: &str) -> Vec<&'a Todo> {
    let wanted = title_words(phrase);
    if wanted.is_empty() {
        return Vec::new();
    }
    let levels: [Fits; 3] = [
        |title, wanted| title == wanted,
        |title, wanted| wanted.iter().all(|word| title.contains(word)),
        |title, wanted| wanted.iter().all(|word| title.iter().any(|own| alike(own, word))),
    ];
    let fits = levels.iter().map(|fits| {
        let all = todos.iter().filter(|todo| fits(&title_words(&todo.title), &wanted));
        all.copied().collect::<Vec<_>>()
    });
    fits.into_iter().find(|found| !found.is_empty()).unwrap_or_default()
}

/// Whether a todo passes a filter. `text` is searched in title, notes and tags.
pub(in crate::brain) fn passes(todo: &Todo, filter: &Filter, now: &Zoned) -> bool {
    let in_window = match filter.window {
        Window::Any => true,
        Window::Overdue => todo.is_overdue(now),
        Window::Days(first, last) => todo.due.is_some_and(|due| {
            first.is_none_or(|first| due.date >= first) && last.is_none_or(|last| due.date <= last)
        }),
    };
    let wanted = filter.text.as_deref().map(str::to_lowercase).unwrap_or_default();
    let text = [todo.title.as_str(), &todo.notes, &todo.tags.join(" ")].join(" ").to_lowercase();
    let tagged = |tag: &String| todo.tags.iter().any(|own| own.eq_ignore_ascii_case(tag));
    let matters = |priority: &str| {
        todo.priority.as_deref().unwrap_or("normal").eq_ignore_ascii_case(priority)
    };
    in_window
        && filter.status.is_none_or(|status| todo.status == status)
        && filter.tag.as_ref().is_none_or(tagged)
        && filter.priority.is_none_or(|priority| matters(priority.text()))
        && text.contains(&wanted)
}

fn find_list(value: &Value, depth: usize) -> Option<Vec<Todo>> {
    match value {
        Value::Array(items) => {
            let todos: Vec<Todo> =
                items.iter().filter_map(|item| from_fields(item.as_object()?)).collect();
            // All or nothing: a list with one unreadable entry is some other list.
            (todos.len() == items.len()).then_some(todos)
        }
        Value::Object(fields) if depth > 0 => {
            fields.values().find_map(|inner| find_list(inner, depth - 1))
        }
        Value::Object(_) | Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            None
        }
    }
}

fn from_fields(fields: &Map<String, Value>) -> Option<Todo> {
    let id = ["id", "todo_id", "task_id", "todoId", "taskId", "_id", "uuid"]
        .iter()
        .find_map(|name| fields.get(*name));
    let id = id.filter(|id| id.is_string() || id.is_number())?.clone();
    let title = first_text(
        fields,
        &["title", "name", "text", "task", "content", "summary", "description"],
    )?;
    Some(Todo {
        id,
        title,
        notes: first_text(fields, &["notes", "note"]).unwrap_or_default(),
        status: status(fields),
        due: first_text(fields, &["due", "due_date", "dueDate", "deadline"])
            .and_then(|due| Due::parse(&due)),
        priority: first_text(fields, &["priority"]),
        tags: tags(fields),
    })
}

fn first_text(fields: &Map<String, Value>, names: &[&str]) -> Option<String> {
    let texts = names.iter().filter_map(|name| fields.get(*name)?.as_str());
    texts.map(str::trim).find(|text| !text.is_empty()).map(ToOwned::to_owned)
}

fn status(fields: &Map<String, Value>) -> TodoStatus {
    let flagged = ["done", "completed", "is_done", "isCompleted"]
        .iter()
        .any(|name| fields.get(*name) == Some(&Value::Bool(true)));
    let named = first_text(fields, &["status", "state"]).unwrap_or_default().to_lowercase();
    let over = matches!(named.as_str(), "done" | "completed" | "complete" | "closed" | "finished");
    if flagged || over { TodoStatus::Done } else { TodoStatus::Open }
}

fn tags(fields: &Map<String, Value>) -> Vec<String> {
    let listed = ["tags", "labels"].iter().find_map(|name| fields.get(*name)?.as_array());
    listed.into_iter().flatten().filter_map(Value::as_str).map(ToOwned::to_owned).collect()
}

fn title_words(text: &str) -> Vec<String> {
    const EMPTY: [&str; 7] = ["the", "a", "an", "my", "to", "one", "s"];
    let lower = text.to_lowercase();
    let all: Vec<String> = lower
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(ToOwned::to_owned)
        .collect();
    let full: Vec<String> =
        all.iter().filter(|word| !EMPTY.contains(&word.as_str())).cloned().collect();
    if full.is_empty() { all } else { full }
}

/// "egg" and "eggs", "dent" and "dentist".
fn alike(own: &str, wanted: &str) -> bool {
    let stem = wanted.strip_suffix('s').filter(|stem| stem.len() > 2).unwrap_or(wanted);
    own == stem || (stem.len() > 2 && own.starts_with(stem))
}
