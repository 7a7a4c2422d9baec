//! Texts of dates, times and todos for users.

use jiff::Zoned;
use jiff::civil::{Date, Time};

use super::super::acting::lookup::Todo;
use super::super::reading::dates::Due;
use super::super::reading::days::plus_days;
use super::super::reading::filter::TodoStatus;

/// "tomorrow", "Friday 27 November, 17:00".
pub(in crate::brain) fn due(due: Due, now: &Zoned) -> String {
    let day = day(due.date, now.date());
    due.time.map_or_else(|| day.clone(), |time| format!("{day}, {}", clock(time)))
}

/// "27 November 2026, 17:00": the same on every day, for the options of forms.
pub(in crate::brain) fn fixed(due: Due) -> String {
    let day = due.date.strftime("%-d %B %Y").to_string();
    due.time.map_or_else(|| day.clone(), |time| format!("{day}, {}", clock(time)))
}

/// "17:00".
pub(in crate::brain) fn clock(time: Time) -> String {
    format!("{:02}:{:02}", time.hour(), time.minute())
}

/// "today", "Friday 27 November", with the year if it is another one.
pub(in crate::brain) fn day(date: Date, today: Date) -> String {
    match date {
        _ if date == today => "today".to_owned(),
        _ if date == plus_days(today, 1) => "tomorrow".to_owned(),
        _ if date == plus_days(today, -1) => "yesterday".to_owned(),
        _ if date.year() == today.year() => date.strftime("%A %-d %B").to_string(),
        _ => date.strftime("%A %-d %B %Y").to_string(),
    }
}

/// "Milk (due tomorrow, high priority, #home)".
pub(in crate::brain) fn todo(todo: &Todo, now: &Zoned) -> String {
    with_asides(&todo.title, &asides(todo, |at| due(at, now)))
}

/// A todo's details, with its due date as `due` writes it.
pub(in crate::brain) fn asides(todo: &Todo, due: impl Fn(Due) -> String) -> Vec<String> {
    let mut asides = Vec::new();
    asides.extend((todo.status == TodoStatus::Done).then(|| "done".to_owned()));
    asides.extend(todo.due.map(|at| format!("due {}", due(at))));
    let priority = todo.priority.as_deref().filter(|priority| matches!(*priority, "high" | "low"));
    asides.extend(priority.map(|priority| format!("{priority} priority")));
    asides.extend(todo.tags.iter().map(|tag| format!("#{tag}")));
    asides
}

pub(in crate::brain) fn with_asides(title: &str, asides: &[String]) -> String {
    if asides.is_empty() { title.to_owned() } else { format!("{title} ({})", asides.join(", ")) }
}

/// A numbered list, one a line.
pub(in crate::brain) fn numbered(lines: &[String]) -> String {
    let numbered = lines.iter().enumerate().map(|(at, line)| format!("{}. {line}", at + 1));
    numbered.collect::<Vec<_>>().join("\n")
}

/// "1 todo", "3 todos".
pub(in crate::brain) fn count(number: usize, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}
