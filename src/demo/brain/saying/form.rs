//! Asks with a form if the tool for it is offered (ADR 13).
//!
//! The answer comes as the next message, and the form is found again in the transcript. So its
//! options must read the same on every day: no "tomorrow" in them.

use serde_json::{Map, Value, json};

use super::super::acting::lookup::Todo;
use super::super::memory::{FormOption, Pending};
use super::super::reading::intent::{Action, Intent, NewTodo};
use super::super::resolve::Trouble;
use super::human::{self, with_asides};
use super::trouble;
use crate::conversation::{ASK_USER, Call, PlannedCall, ToolSpec};

const MOST_OPTIONS: usize = 8;

/// One question, its options, and what to do with the answer.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::brain) struct Form {
    question: String,
    options: Vec<String>,
    multiple: bool,
    pending: Pending,
}

pub(in crate::brain) fn is_offered(tools: &[ToolSpec]) -> bool {
    tools.iter().any(|tool| tool.name == ASK_USER)
}

impl Form {
    /// None if the trouble leaves nothing to choose.
    pub(in crate::brain) fn about(trouble: &Trouble) -> Option<Self> {
        let question = trouble::asked(trouble)?;
        match trouble.pending()? {
            Pending::Choose { candidates, action, .. } => {
                Some(Self::choosing(question, candidates, action))
            }
            pending @ Pending::Confirm(_) => Some(Self::confirming(question, pending)),
        }
    }

    /// Asks whether words were meant as todos.
    pub(in crate::brain) fn offering(todos: &[NewTodo], intents: &[Intent]) -> Self {
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
            // One title for several todos makes no sense.
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

    pub(in crate::brain) fn call(&self) -> PlannedCall {
        let mut question = json!({"question": self.question, "options": self.options});
        if let (true, Some(fields)) = (self.multiple, question.as_object_mut()) {
            fields.insert("multiple".to_owned(), json!(true));
        }
        let arguments = Map::from_iter([("questions".to_owned(), json!([question]))]);
        PlannedCall { name: ASK_USER.to_owned(), arguments }
    }

    /// What to do with the answer.
    pub(in crate::brain) fn into_pending(self) -> Pending {
        self.pending
    }

    /// The same for the form that was really shown. None if that asked something else, because
    /// another model may have asked it.
    pub(in crate::brain) fn pending_as_asked(self, call: &Call) -> Option<Pending> {
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

/// A form as text, for a client that asks for text although the form is on the screen.
pub(in crate::brain) fn in_words(call: &Call) -> String {
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

/// The only todo with this title; none if several have it.
fn entitled(title: &str, candidates: &[Todo]) -> Option<FormOption> {
    let mut same = candidates.iter().filter(|todo| is_same(&todo.title, title));
    let (Some(only), None) = (same.next(), same.next()) else { return None };
    Some(FormOption { label: title.to_owned(), id: only.key() })
}

/// Titles; with details where several are equal, and with a number where these are equal too.
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

/// Adds something to names that occur more than once.
fn tell_apart(names: &[String], aside: impl Fn(usize) -> Vec<String>) -> Vec<String> {
    let shared = |name: &String| names.iter().filter(|other| is_same(name, other)).count() > 1;
    let each = names.iter().enumerate();
    each.map(|(at, name)| if shared(name) { with_asides(name, &aside(at)) } else { name.clone() })
        .collect()
}

fn is_same(one: &str, other: &str) -> bool {
    one.to_lowercase() == other.to_lowercase()
}
