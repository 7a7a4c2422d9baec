//! Asks back by a form, where a tool for that is on offer.
//!
//! What the person answers comes as the next message; the form itself is found again in the
//! transcript, so its options must read the same on every day.

use serde_json::{Map, Value, json};

use super::human::{self, with_asides};
use super::intent::{Action, Intent, NewTodo};
use super::lookup::Todo;
use super::memory::{FormOption, Pending};
use super::resolve::Trouble;
use super::trouble;
use crate::conversation::{Call, PlannedCall, ToolSpec};

/// The tool that shows a form; never one that keeps todos.
pub(super) const TOOL: &str = "ask_user";

/// More options than this are no help.
const MOST_OPTIONS: usize = 8;

/// One question, its options, and what waits for the answer.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Form {
    question: String,
    options: Vec<String>,
    multiple: bool,
    pending: Pending,
}

/// Whether a form can be shown.
pub(super) fn is_offered(tools: &[ToolSpec]) -> bool {
    tools.iter().any(|tool| tool.name == TOOL)
}

impl Form {
    /// The form for a trouble; none if there is nothing to choose.
    pub(super) fn about(trouble: &Trouble) -> Option<Self> {
        let question = trouble::asked(trouble)?;
        match trouble.pending()? {
            Pending::Choose { candidates, action, .. } => {
                Some(Self::choosing(question, candidates, action))
            }
            pending @ Pending::Confirm(_) => Some(Self::confirming(question, pending)),
        }
    }

    /// The form that asks whether words were meant as todos.
    pub(super) fn offering(todos: &[NewTodo], intents: &[Intent]) -> Self {
        let titles: Vec<String> = todos.iter().map(|todo| format!("“{}”", todo.title)).collect();
        let question = format!("Shall I put {} on your list?", titles.join(", "));
        Self::confirming(question, Pending::Confirm(intents.to_vec()))
    }

    fn choosing(question: String, candidates: Vec<Todo>, action: Action) -> Self {
        let options = choices(&candidates);
        let question = if options.len() < candidates.len() {
            format!("{question} More fit than these: you can also name another one by its title.")
        } else {
            question
        };
        Self {
            question,
            options: options.iter().map(|option| option.label.clone()).collect(),
            // A new title is for one todo alone.
            multiple: !matches!(action, Action::Rename(_)),
            pending: Pending::Choose { candidates, action, options },
        }
    }

    fn confirming(question: String, pending: Pending) -> Self {
        Self {
            question,
            options: ["Yes", "No"].map(str::to_owned).into(),
            multiple: false,
            pending,
        }
    }

    /// The call that shows it.
    pub(super) fn call(&self) -> PlannedCall {
        let mut question = json!({"question": self.question, "options": self.options});
        if let (true, Some(fields)) = (self.multiple, question.as_object_mut()) {
            fields.insert("multiple".to_owned(), json!(true));
        }
        let arguments = Map::from_iter([("questions".to_owned(), json!([question]))]);
        PlannedCall { name: TOOL.to_owned(), arguments }
    }

    /// What waits for an answer, once it is on the screen.
    pub(super) fn into_pending(self) -> Pending {
        self.pending
    }

    /// The same for the form that really was shown; none if that was another question, as it may
    /// be when another model asked it.
    pub(super) fn pending_as_asked(self, call: &Call) -> Option<Pending> {
        let asked = options(first_question(call));
        match self.pending {
            Pending::Choose { candidates, action, options } => {
                let known =
                    |label: &&str| find(label, &options).or_else(|| entitled(label, &candidates));
                let options: Option<Vec<FormOption>> = asked.iter().map(known).collect();
                let options = options.filter(|options| !options.is_empty())?;
                Some(Pending::Choose { candidates, action, options })
            }
            pending @ Pending::Confirm(_) => (asked == self.options).then_some(pending),
        }
    }
}

/// A form in words, for a client that wants words though the form is on the screen.
pub(super) fn in_words(call: &Call) -> String {
    let lines: Vec<String> = questions(call).iter().flat_map(question_lines).collect();
    let text = lines.join("\n");
    if text.trim().is_empty() { "My question is on your screen.".to_owned() } else { text }
}

fn question_lines(question: &Value) -> Vec<String> {
    let asked = question.get("question").and_then(Value::as_str).map(ToOwned::to_owned);
    let options = options(question).into_iter().map(|option| format!("- {option}"));
    asked.into_iter().chain(options).collect()
}

fn questions(call: &Call) -> &[Value] {
    call.arguments.get("questions").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

fn first_question(call: &Call) -> &Value {
    questions(call).first().unwrap_or(&Value::Null)
}

fn options(question: &Value) -> Vec<&str> {
    let options = question.get("options").and_then(Value::as_array);
    options.into_iter().flatten().filter_map(Value::as_str).collect()
}

fn find(label: &str, choices: &[FormOption]) -> Option<FormOption> {
    choices.iter().find(|choice| choice.label == label).cloned()
}

/// The only todo with a title.
fn entitled(title: &str, candidates: &[Todo]) -> Option<FormOption> {
    let mut same = candidates.iter().filter(|todo| is_same(&todo.title, title));
    let (Some(only), None) = (same.next(), same.next()) else { return None };
    Some(FormOption { label: title.to_owned(), id: only.key() })
}

/// Titles, with more beside them where todos share one, and a number where that is no help.
fn choices(candidates: &[Todo]) -> Vec<FormOption> {
    let shown = candidates.get(..MOST_OPTIONS).unwrap_or(candidates);
    let titles: Vec<String> = shown.iter().map(|todo| todo.title.clone()).collect();
    let full = tell_apart(&titles, |at| {
        shown.get(at).map(|todo| human::asides(todo, human::fixed)).unwrap_or_default()
    });
    let labels = tell_apart(&full, |at| vec![format!("number {}", at + 1)]);
    let choice = |(label, todo): (String, &Todo)| FormOption { label, id: todo.key() };
    labels.into_iter().zip(shown).map(choice).collect()
}

/// Puts something beside the names that are there more than once.
fn tell_apart(names: &[String], aside: impl Fn(usize) -> Vec<String>) -> Vec<String> {
    let shared = |name: &String| names.iter().filter(|other| is_same(name, other)).count() > 1;
    let each = names.iter().enumerate();
    each.map(|(at, name)| if shared(name) { with_asides(name, &aside(at)) } else { name.clone() })
        .collect()
}

fn is_same(one: &str, other: &str) -> bool {
    one.to_lowercase() == other.to_lowercase()
}
