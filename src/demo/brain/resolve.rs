//! Decides which todos a change is about, and what prevents it.

use jiff::Zoned;

use super::acting::lookup::{Todo, fitting, passes};
use super::memory::{Memory, Pending, at_places};
use super::reading::filter::{Filter, TodoStatus};
use super::reading::intent::{Action, Change, Intent, Tone};
use super::reading::target::{ListPosition, Target};

/// Choices that are offered at most.
const MOST_CHOICES: usize = 20;

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Act {
    pub(super) todo: Todo,
    pub(super) action: Action,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Trouble {
    /// A name fits several. The user chooses; the brain never does (ADR 9).
    Several { name: String, candidates: Vec<Todo>, action: Action },
    /// A name fits none.
    Nothing { name: String, action: Action },
    /// A filter fits none.
    NoneSuch(Action),
    /// The last list has no such place.
    NoPosition(ListPosition),
    /// No list was shown yet.
    NoList { candidates: Vec<Todo>, action: Action },
    /// Several todos cannot get one title.
    OnlyOne { candidates: Vec<Todo>, action: Action },
    /// "It" could be anything.
    WhichOne(Action),
    /// It was deleted in the meantime.
    Gone,
    /// A careless command that would destroy much.
    Sweeping { count: usize, change: Change },
}

#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Resolved {
    pub(super) acts: Vec<Act>,
    pub(super) troubles: Vec<Trouble>,
}

impl Trouble {
    /// The question that it leaves open.
    pub(super) fn pending(&self) -> Option<Pending> {
        match self {
            Self::Several { candidates, action, .. }
            | Self::NoList { candidates, action }
            | Self::OnlyOne { candidates, action } => {
                let (candidates, action) = (candidates.clone(), action.clone());
                let options = Vec::new();
                (!candidates.is_empty()).then_some(Pending::Choose { candidates, action, options })
            }
            Self::Sweeping { change, .. } => {
                Some(Pending::Confirm(vec![Intent::Change(change.clone())]))
            }
            Self::Nothing { .. } | Self::NoneSuch(_) | Self::NoPosition(_) => None,
            Self::WhichOne(_) | Self::Gone => None,
        }
    }
}

/// Resolves every change against the todos found. No todo gets the same change twice.
pub(super) fn resolve(
    changes: &[Change],
    todos: &[Todo],
    memory: &Memory,
    now: &Zoned,
) -> Resolved {
    let mut resolved = Resolved::default();
    for change in changes {
        match targets(change, todos, memory, now).and_then(|parts| one_title(change, parts)) {
            Ok(parts) => {
                for part in parts {
                    match part {
                        Ok(todo) => push(&mut resolved.acts, todo, &change.action),
                        Err(trouble) => resolved.troubles.push(trouble),
                    }
                }
            }
            Err(trouble) => resolved.troubles.push(trouble),
        }
    }
    resolved
}

type Parts = Vec<Result<Todo, Trouble>>;

fn push(acts: &mut Vec<Act>, todo: Todo, action: &Action) {
    let act = Act { todo, action: action.clone() };
    if !acts.contains(&act) {
        acts.push(act);
    }
}

fn targets(
    change: &Change,
    todos: &[Todo],
    memory: &Memory,
    now: &Zoned,
) -> Result<Parts, Trouble> {
    let action = || change.action.clone();
    match &change.target {
        Target::Named { whole, parts } => Ok(named(change, whole, parts, todos)),
        Target::Found(ids) => Ok(by_ids(ids, todos)),
        Target::Among { name, ids } => {
            let candidates = by_ids(ids, todos).into_iter().flatten().collect();
            Err(Trouble::Several { name: name.clone(), candidates, action: action() })
        }
        Target::Places(_) if memory.shown.is_empty() => {
            let candidates = choices(usable(&change.action, todos));
            Err(Trouble::NoList { candidates, action: action() })
        }
        Target::Places(places) => {
            Ok(by_ids(&at_places(places, &memory.shown).map_err(Trouble::NoPosition)?, todos))
        }
        Target::It => match (memory.touched.as_slice(), memory.shown.as_slice()) {
            ([only], _) | ([], [only]) => Ok(by_ids(std::slice::from_ref(only), todos)),
            _ => Err(Trouble::WhichOne(action())),
        },
        Target::Them => match (memory.touched.as_slice(), memory.shown.as_slice()) {
            ([], []) => Err(Trouble::WhichOne(action())),
            ([], shown) => Ok(by_ids(shown, todos)),
            (touched, _) => Ok(by_ids(touched, todos)),
        },
        Target::All(filter) => all(change, filter, todos, now),
    }
}

fn one_title(change: &Change, parts: Parts) -> Result<Parts, Trouble> {
    if parts.len() < 2 || !matches!(change.action, Action::Rename(_)) {
        return Ok(parts);
    }
    let candidates = parts.into_iter().flatten().take(MOST_CHOICES).collect();
    Err(Trouble::OnlyOne { candidates, action: change.action.clone() })
}

fn by_ids(ids: &[String], todos: &[Todo]) -> Parts {
    let found = ids.iter().map(|id| todos.iter().find(|todo| todo.key() == *id).cloned());
    found.map(|todo| todo.ok_or(Trouble::Gone)).collect()
}

/// Tries the whole phrase first, so that "mac and cheese" is found as one todo.
fn named(change: &Change, whole: &str, parts: &[String], todos: &[Todo]) -> Parts {
    let usable = usable(&change.action, todos);
    if parts.len() < 2 || !fitting(&usable, whole).is_empty() {
        return vec![one(change, whole, &usable)];
    }
    parts.iter().map(|part| one(change, part, &usable)).collect()
}

fn one(change: &Change, name: &str, usable: &[&Todo]) -> Result<Todo, Trouble> {
    let (name, action) = (name.to_owned(), change.action.clone());
    match fitting(usable, &name).as_slice() {
        [] => Err(Trouble::Nothing { name, action }),
        [only] => Ok((*only).clone()),
        several => Err(Trouble::Several { name, candidates: choices(several.to_vec()), action }),
    }
}

fn all(change: &Change, filter: &Filter, todos: &[Todo], now: &Zoned) -> Result<Parts, Trouble> {
    let fits: Vec<&Todo> = usable(&change.action, todos)
        .into_iter()
        .filter(|todo| passes(todo, filter, now))
        .collect();
    let action = change.action.clone();
    if fits.is_empty() {
        return Err(Trouble::NoneSuch(action));
    }
    if change.tone == Tone::Sweeping {
        return Err(sweeping(fits.iter().map(|todo| todo.key()).collect(), action));
    }
    Ok(fits.into_iter().map(|todo| Ok(todo.clone())).collect())
}

fn choices(todos: Vec<&Todo>) -> Vec<Todo> {
    todos.into_iter().take(MOST_CHOICES).cloned().collect()
}

fn sweeping(ids: Vec<String>, action: Action) -> Trouble {
    let count = ids.len();
    Trouble::Sweeping {
        count,
        change: Change { target: Target::Found(ids), action, tone: Tone::Plain },
    }
}

/// The todos for which an action makes sense: open ones, unless it needs or allows others.
fn usable<'a>(action: &Action, todos: &'a [Todo]) -> Vec<&'a Todo> {
    let of = |status: TodoStatus| todos.iter().filter(move |todo| todo.status == status);
    match (action.needs(), action) {
        (Some(status), _) => of(status).collect(),
        (None, Action::Delete) => todos.iter().collect(),
        (None, _) => of(TodoStatus::Open).collect(),
    }
}
