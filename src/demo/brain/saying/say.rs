//! What the brain says about its work: thoughts, summaries and lists.

use jiff::Zoned;

use super::super::acting::arguments::moved;
use super::super::acting::lookup::{Page, Todo, read_page};
use super::super::acting::outcome::{Outcome, outcome, short};
use super::super::reading::change::verb;
use super::super::reading::dates::Due;
use super::super::reading::filter::{Filter, TodoStatus, Window};
use super::super::reading::intent::{Action, NewTodo};
use super::super::resolve::{Act, Trouble};
use super::human::{self, count, numbered, with_asides};

/// How the result of a call begins that the person declined (ADR 38).
const NOT_APPROVED: &str = "the person did not approve this call";

#[derive(Clone, Debug, PartialEq)]
pub(in crate::brain) struct Made {
    pub(in crate::brain) todo: NewTodo,
    pub(in crate::brain) outcome: Outcome,
}

pub(in crate::brain) fn opening(additions: usize, calls: usize) -> Vec<String> {
    match (additions, calls > additions) {
        (0, _) => vec!["To act on a todo I first need its id, so I look at the list.".to_owned()],
        (1, false) => vec!["This is a new todo. I make it.".to_owned()],
        (_, false) => vec![format!("These are {additions} new todos. I make them together.")],
        (_, true) => vec![
            "Something new and something to change: I make the new and look at the list."
                .to_owned(),
        ],
    }
}

pub(in crate::brain) fn turning_pages() -> Vec<String> {
    vec!["The list goes on, so I look at its next page.".to_owned()]
}

pub(in crate::brain) fn acting(acts: usize, troubles: &[Trouble]) -> Vec<String> {
    let sure = format!(
        "I found {} that {} meant.",
        count(acts, "todo"),
        if acts == 1 { "is" } else { "are" }
    );
    let unsure = (!troubles.is_empty())
        .then(|| "Not everything is clear; I will ask about the rest.".to_owned());
    std::iter::once(sure).chain(unsure).collect()
}

pub(in crate::brain) fn listing() -> Vec<String> {
    vec!["The list itself knows best, so I look at it.".to_owned()]
}

pub(in crate::brain) fn asking() -> Vec<String> {
    vec!["This is not mine to decide, so I ask.".to_owned()]
}

pub(in crate::brain) fn closing() -> Vec<String> {
    vec!["I have the answers of the tools and sum them up.".to_owned()]
}

/// The page in an answer, or the text that says why there is none.
pub(in crate::brain) fn page(output: Option<&str>) -> Result<Page, String> {
    let Some(output) = output else {
        return Err("The todo server gave no answer, so I cannot see the list.".to_owned());
    };
    read_page(output).ok_or_else(|| match outcome(Some(output)) {
        Outcome::Failed(error) => format!("I could not read the list. The todo server says: {error}"),
        Outcome::Worked(_) | Outcome::Silent => {
            "The server's list came in a form that the offline model cannot read, so I changed nothing.".to_owned()
        }
    })
}

pub(in crate::brain) fn added(made: &[Made], now: &Zoned) -> String {
    let worked: Vec<String> = made
        .iter()
        .filter(|made| matches!(made.outcome, Outcome::Worked(_)))
        .map(|made| new_todo(&made.todo, now))
        .collect();
    let sum = match worked.as_slice() {
        [] => String::new(),
        [only] => format!("Added: {only}."),
        several => format!("Added {}:\n{}", count(several.len(), "todo"), numbered(several)),
    };
    let failed = made.iter().filter_map(|made| failure("add", &made.todo.title, &made.outcome));
    paragraphs(&std::iter::once(sum).chain(failed).collect::<Vec<_>>())
}

pub(in crate::brain) fn new_todo(todo: &NewTodo, now: &Zoned) -> String {
    let mut asides = Vec::new();
    asides.extend(todo.due.map(|due| format!("due {}", human::due(due, now))));
    asides.extend(todo.priority.map(|priority| format!("{} priority", priority.text())));
    asides.extend(todo.tags.iter().map(|tag| format!("#{tag}")));
    with_asides(&todo.title, &asides)
}

pub(in crate::brain) fn changed(done: &[(&Act, Outcome)], now: &Zoned) -> String {
    let worked = done.iter().filter(|(_, outcome)| matches!(outcome, Outcome::Worked(_)));
    let lines: Vec<String> = worked.map(|(act, _)| deed(act, now)).collect();
    let sum = match lines.as_slice() {
        [] => String::new(),
        [only] => only.clone(),
        several => several.iter().map(|line| format!("- {line}")).collect::<Vec<_>>().join("\n"),
    };
    let failed = done
        .iter()
        .filter_map(|(act, outcome)| failure(verb(&act.action), &act.todo.title, outcome));
    paragraphs(&std::iter::once(sum).chain(failed).collect::<Vec<_>>())
}

/// Ids of what was changed and still exists, for "it" in the next message.
pub(in crate::brain) fn succeeded(done: &[(&Act, Outcome)]) -> Vec<String> {
    let stays = |act: &Act| act.action != Action::Delete;
    let worked =
        done.iter().filter(|(act, outcome)| stays(act) && matches!(outcome, Outcome::Worked(_)));
    worked.map(|(act, _)| act.todo.key()).collect()
}

pub(in crate::brain) fn unable(action: &Action) -> String {
    format!("No tool here can {} a todo that way, so I left it as it is.", verb(action))
}

pub(in crate::brain) fn left(number: usize) -> String {
    format!(
        "{} left; say it again to go on.",
        if number == 1 { "1 is".to_owned() } else { format!("{number} are") }
    )
}

pub(in crate::brain) fn list(todos: &[Todo], filter: &Filter, more: u64, now: &Zoned) -> String {
    let (adjective, kind) = (adjective(filter), kind(filter, now));
    if todos.is_empty() {
        let rest = if more > 0 { " on the part of the list that I can see" } else { "" };
        return format!("You have no {adjective}todos{kind}{rest}.");
    }
    let lines: Vec<String> = todos.iter().map(|todo| human::todo(todo, now)).collect();
    let shown =
        format!("{}{kind}:\n{}", count(todos.len(), &format!("{adjective}todo")), numbered(&lines));
    match more {
        0 => format!("You have {shown}"),
        _ => format!("From the top of your list, {shown}\n\n… and {more} more."),
    }
}

/// The parts that are not empty, separated by blank lines.
pub(in crate::brain) fn paragraphs(parts: &[String]) -> String {
    let said: Vec<&str> =
        parts.iter().map(String::as_str).filter(|part| !part.is_empty()).collect();
    said.join("\n\n")
}

fn deed(act: &Act, now: &Zoned) -> String {
    let title = format!("“{}”", act.todo.title);
    let to = |due: Due| format!("{title} is now due {}.", human::due(due, now));
    match &act.action {
        Action::Complete => format!("Done: {title}."),
        Action::Reopen => format!("{title} is open again."),
        Action::Delete => format!("Deleted {title}."),
        Action::Rename(new) => format!("Renamed {title} to “{new}”."),
        Action::Reschedule(when) => to(moved(&act.todo, *when, now)),
        Action::Postpone(delay) => {
            let from = act.todo.due.unwrap_or(Due { date: now.date(), time: None });
            from.later(*delay).map_or_else(|| format!("{title} was moved."), to)
        }
        Action::ClearDue => format!("{title} has no due date any more."),
        Action::SetPriority(priority) => format!("{title} has {} priority now.", priority.text()),
        Action::AddTags(tags) => format!("{title} is tagged #{} now.", tags.join(", #")),
        Action::RemoveTags(tags) => format!("{title} is no longer tagged #{}.", tags.join(", #")),
        Action::SetNotes(_) => format!("{title} has a new note."),
    }
}

fn failure(verb: &str, title: &str, outcome: &Outcome) -> Option<String> {
    match outcome {
        Outcome::Worked(_) => None,
        Outcome::Failed(error) if error.starts_with(NOT_APPROVED) => {
            Some(format!("I left “{title}” as it is."))
        }
        Outcome::Failed(error) => {
            Some(format!("I could not {verb} “{title}”. The tool says: {error}"))
        }
        Outcome::Silent => Some(format!(
            "I got no answer when I tried to {verb} “{title}”, so I do not know whether it worked."
        )),
    }
}

/// The words for a filter before "todos".
fn adjective(filter: &Filter) -> &'static str {
    match (filter.window, filter.status) {
        (Window::Overdue, _) => "overdue ",
        (_, Some(TodoStatus::Open)) => "open ",
        (_, Some(TodoStatus::Done)) => "done ",
        (_, None) => "",
    }
}

/// The words for a filter after "todos".
fn kind(filter: &Filter, now: &Zoned) -> String {
    let today = now.date();
    let mut parts = Vec::new();
    parts.extend(match filter.window {
        Window::Any | Window::Overdue | Window::Days(None, None) => None,
        Window::Days(None, Some(last)) => Some(format!("due by {}", human::day(last, today))),
        Window::Days(Some(first), None) => Some(format!("due from {}", human::day(first, today))),
        Window::Days(Some(first), Some(last)) if first == last => {
            Some(format!("due {}", human::day(first, today)))
        }
        Window::Days(Some(first), Some(last)) => {
            Some(format!("due from {} to {}", human::day(first, today), human::day(last, today)))
        }
    });
    parts.extend(filter.tag.as_ref().map(|tag| format!("tagged #{}", short(tag))));
    parts.extend(filter.priority.map(|priority| format!("with {} priority", priority.text())));
    parts.extend(filter.text.as_ref().map(|text| format!("about “{}”", short(text))));
    parts.iter().flat_map(|part| [" ", part]).collect()
}
