//! The work of one turn, from the intents of its message.

use super::acting::roles::Roles;
use super::reading::filter::Filter;
use super::reading::intent::{Change, Intent, NewTodo};
use super::saying::small_talk;
use crate::conversation::ToolSpec;

/// In the order in which it is done: a list at the end shows the result.
#[derive(Default)]
pub(super) struct Job {
    pub(super) adds: Vec<NewTodo>,
    pub(super) changes: Vec<Change>,
    pub(super) show: Option<Filter>,
}

impl Job {
    pub(super) fn of(intents: &[Intent]) -> Self {
        let mut job = Self::default();
        for intent in intents {
            match intent {
                Intent::Add(todos) | Intent::Offer(todos) => job.adds.extend(todos.iter().cloned()),
                Intent::Change(change) => job.changes.push(change.clone()),
                Intent::List(filter) => job.show = Some(filter.clone()),
                Intent::Undo | Intent::Chat(_) | Intent::Unclear(_) => {}
            }
        }
        job
    }
    /// A text for the user if a tool for this work is missing.
    pub(super) fn missing(&self, roles: &Roles<'_>, tools: &[ToolSpec]) -> Option<String> {
        let looks = !self.changes.is_empty() || self.show.is_some();
        if roles.is_empty() {
            Some(small_talk::no_todo_tools(tools))
        } else if !self.adds.is_empty() && roles.create.is_none() {
            Some(small_talk::no_tool("makes todos"))
        } else if looks && roles.list.is_none() {
            Some(small_talk::no_tool("lists todos"))
        } else {
            None
        }
    }
}
