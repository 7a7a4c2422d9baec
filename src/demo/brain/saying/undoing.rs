//! What the brain says after a change was taken back.

use jiff::Zoned;
use serde_json::Value;

use super::super::acting::lookup::{Todo, read_todo};
use super::super::acting::outcome::{Outcome, outcome};
use super::human;

/// An answer of the tool that undoes.
pub(in crate::brain) struct Undone {
    /// What had been done.
    what: String,
    /// The todos as they are now.
    pub(in crate::brain) todos: Vec<Todo>,
    outcome: Outcome,
}

pub(in crate::brain) fn thoughts() -> Vec<String> {
    vec!["The server knows what was changed last, so I let it take that back.".to_owned()]
}

pub(in crate::brain) fn read(output: Option<&str>) -> Undone {
    let answer = output.and_then(|output| serde_json::from_str::<Value>(output).ok());
    let answer = answer.unwrap_or_default();
    let todos = answer.get("todos").and_then(Value::as_array).into_iter().flatten();
    let what = answer.get("what").and_then(Value::as_str).unwrap_or_default().to_owned();
    Undone { what, todos: todos.filter_map(read_todo).collect(), outcome: outcome(output) }
}

impl Undone {
    pub(in crate::brain) fn told(&self, now: &Zoned) -> String {
        match &self.outcome {
            Outcome::Failed(error) => return format!("I could not undo that: {error}"),
            Outcome::Silent => {
                return "The todo server gave no answer, so I do not know whether it was undone."
                    .to_owned();
            }
            Outcome::Worked(_) => {}
        }
        let titles: Vec<_> = self.todos.iter().map(|todo| human::todo(todo, now)).collect();
        let todos = titles.join(", ");
        match self.what.as_str() {
            _ if todos.is_empty() => "Undone.".to_owned(),
            "created" => format!("Undone: {todos} is off the list again."),
            "deleted" => format!("Undone: {todos} is back on the list."),
            "completed" => format!("Undone: {todos} is open again."),
            _ => format!("Undone. It is {todos} again."),
        }
    }
}
