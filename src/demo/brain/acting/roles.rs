//! Finds the tool for each purpose, by the words of its name: the brain must work with any server's
//! todo tools.

use super::schema::{Field, needs_only, property};
use crate::conversation::{ASK_USER, ToolSpec};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::brain) enum Role {
    Create,
    List,
    Update,
    Complete,
    Delete,
    Undo,
}

#[derive(Clone, Copy, Debug)]
pub(in crate::brain) struct Roles<'a> {
    pub(in crate::brain) create: Option<&'a ToolSpec>,
    pub(in crate::brain) list: Option<&'a ToolSpec>,
    pub(in crate::brain) update: Option<&'a ToolSpec>,
    pub(in crate::brain) complete: Option<&'a ToolSpec>,
    pub(in crate::brain) delete: Option<&'a ToolSpec>,
    pub(in crate::brain) undo: Option<&'a ToolSpec>,
}

impl<'a> Roles<'a> {
    pub(in crate::brain) fn find(tools: &'a [ToolSpec]) -> Self {
        let best = |role: Role| {
            let keepers = tools.iter().filter(|tool| tool.name != ASK_USER);
            let scored = keepers.filter_map(|tool| Some((score(tool, role)?, tool)));
            first_best(scored)
        };
        Self {
            create: best(Role::Create),
            list: best(Role::List),
            update: best(Role::Update),
            complete: best(Role::Complete),
            delete: best(Role::Delete),
            undo: best(Role::Undo),
        }
    }

    /// Whether no tool can keep todos.
    pub(in crate::brain) fn is_empty(&self) -> bool {
        self.create.is_none() && self.list.is_none()
    }
}

impl Role {
    fn verbs(self) -> &'static [&'static str] {
        match self {
            Self::Create => &["create", "add", "new", "insert"],
            Self::List => &["list", "search", "find"],
            Self::Update => &["update", "edit", "modify", "patch"],
            Self::Complete => &["complete", "finish", "done"],
            Self::Delete => &["delete", "remove"],
            Self::Undo => &["undo", "revert"],
        }
    }

    /// The arguments that the brain can give. A tool that requires others is not usable.
    fn gives(self) -> &'static [Field] {
        match self {
            Self::Create => &[Field::Title],
            Self::List | Self::Undo => &[],
            Self::Update | Self::Complete | Self::Delete => &[Field::Id],
        }
    }
}

/// Of equal scores the first wins: servers list their main tools first.
fn first_best<'a>(scored: impl Iterator<Item = (usize, &'a ToolSpec)>) -> Option<&'a ToolSpec> {
    let best = scored.reduce(|best, next| if next.0 > best.0 { next } else { best });
    best.map(|(_, tool)| tool)
}

/// How well a tool fits a role; none if it cannot fill it.
fn score(tool: &ToolSpec, role: Role) -> Option<usize> {
    let words = name_words(&tool.name);
    let verb = role.verbs().iter().position(|verb| words.iter().any(|word| word == verb))?;
    let able = needs_only(tool, role.gives())
        && role.gives().iter().all(|field| property(tool, *field).is_some());
    if !able || (role != Role::List && is_about_lists(&words)) {
        return None;
    }
    let noun =
        |word: &String| matches!(word.trim_end_matches('s'), "todo" | "task" | "item" | "reminder");
    let about = if words.iter().any(noun) { 10 } else { 0 };
    let leads =
        if words.first().is_some_and(|word| role.verbs().contains(&word.as_str())) { 5 } else { 0 };
    Some(about + leads + 4 - verb.min(3))
}

/// `create_list` creates a list, not a todo.
fn is_about_lists(words: &[String]) -> bool {
    words.iter().any(|word| {
        matches!(
            word.as_str(),
            "list" | "lists" | "project" | "projects" | "comment" | "tag" | "label"
        )
    })
}

/// The words of `todo__create_todo`, `createTodo` or `create-todo`, without the server's name.
fn name_words(name: &str) -> Vec<String> {
    let name = name.rsplit("__").next().unwrap_or(name);
    let mut words = vec![String::new()];
    let mut small = false;
    for letter in name.chars() {
        if !letter.is_alphanumeric() || (letter.is_uppercase() && small) {
            words.push(String::new());
        }
        small = letter.is_lowercase();
        if let (true, Some(word)) = (letter.is_alphanumeric(), words.last_mut()) {
            word.extend(letter.to_lowercase());
        }
    }
    words.retain(|word| !word.is_empty());
    words
}
