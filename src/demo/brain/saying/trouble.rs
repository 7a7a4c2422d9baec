//! What the brain says if a change cannot be made.

use jiff::Zoned;

use super::super::acting::lookup::Todo;
use super::super::acting::outcome::short;
use super::super::reading::change::verb;
use super::super::reading::filter::TodoStatus;
use super::super::reading::intent::Action;
use super::super::reading::target::ListPosition;
use super::super::resolve::Trouble;
use super::human::{self, count, numbered};

pub(in crate::brain) fn told(trouble: &Trouble, now: &Zoned) -> String {
    match trouble {
        Trouble::Several { candidates, action, .. }
        | Trouble::NoList { candidates, action }
        | Trouble::OnlyOne { candidates, action } => {
            question(&why(trouble), candidates, action, now)
        }
        Trouble::WhichOne(action) => question("", &[], action, now),
        Trouble::Sweeping { .. } => {
            format!("{}Say “yes” to go on, or “no” to leave them as they are.", why(trouble))
        }
        Trouble::Nothing { name, action } => format!(
            "I found no {}todo that fits “{}”, so I changed nothing there. Say “show my todos” to \
             see the list.",
            state(action),
            short(name)
        ),
        Trouble::NoneSuch(action) => {
            format!("There is no {}todo of that kind to {}.", state(action), verb(action))
        }
        Trouble::NoPosition(ListPosition::At(at)) => {
            format!("The list I showed last has no number {at}, so I changed nothing.")
        }
        Trouble::NoPosition(ListPosition::Last) => "The list I showed last is empty.".to_owned(),
        Trouble::Gone => "That todo is not on the list any more.".to_owned(),
    }
}

/// The question for a form; none if there is nothing to choose.
pub(in crate::brain) fn asked(trouble: &Trouble) -> Option<String> {
    match trouble {
        Trouble::Sweeping { .. } => Some(format!("{}Shall I?", why(trouble))),
        Trouble::Several { action, .. }
        | Trouble::NoList { action, .. }
        | Trouble::OnlyOne { action, .. } => Some(which(&why(trouble), action)),
        Trouble::Nothing { .. } | Trouble::NoneSuch(_) | Trouble::NoPosition(_) => None,
        Trouble::WhichOne(_) | Trouble::Gone => None,
    }
}

/// The text for a question that must wait, because another one is asked first.
pub(in crate::brain) fn later(trouble: &Trouble) -> String {
    format!("{}Say that once more when this is settled.", why(trouble))
}

/// Why the brain has to ask.
fn why(trouble: &Trouble) -> String {
    match trouble {
        Trouble::Several { name, .. } => format!("Several todos fit “{}”. ", short(name)),
        Trouble::NoList { .. } => "I have not shown you a numbered list yet. ".to_owned(),
        Trouble::OnlyOne { .. } => "Only one todo can have that title. ".to_owned(),
        Trouble::Sweeping { count: number, change } => {
            format!("That would {} {} at once. ", verb(&change.action), count(*number, "todo"))
        }
        Trouble::Nothing { .. } | Trouble::NoneSuch(_) | Trouble::NoPosition(_) => String::new(),
        Trouble::WhichOne(_) | Trouble::Gone => String::new(),
    }
}

fn which(opening: &str, action: &Action) -> String {
    format!("{opening}Which todo should I {}?", verb(action))
}

fn question(opening: &str, candidates: &[Todo], action: &Action, now: &Zoned) -> String {
    let lines: Vec<String> = candidates.iter().map(|todo| human::todo(todo, now)).collect();
    let asked = which(opening, action);
    if lines.is_empty() {
        return format!("{asked} Tell me its title.");
    }
    let all = if matches!(action, Action::Rename(_)) { "" } else { ", or “all of them”" };
    format!("{asked} Say its number{all}.\n{}", numbered(&lines))
}

fn state(action: &Action) -> &'static str {
    match action.needs() {
        Some(TodoStatus::Done) => "done ",
        None if *action == Action::Delete => "",
        Some(TodoStatus::Open) | None => "open ",
    }
}
