//! The repeatable agent of the emulator: obeys `call:` and `steps:` in the user's text. Only under
//! `--emulate` (invariant 10).

use serde_json::{Deserializer, Map, Value, json};

use crate::conversation::{BrainAnswer, Conversation, PlannedCall, Said, ToolSpec};

/// Characters of results that an answer repeats.
const DIGEST: usize = 200;

const MAX_STEPS: usize = 100;

const MAX_CALLS: usize = 128;

pub(super) fn answer(conversation: &Conversation) -> BrainAnswer {
    let turn = LastTurn::of(conversation);
    let calls = if turn.rounds < turn.steps() { turn.calls(&conversation.tools) } else { vec![] };
    let text = if calls.is_empty() { format!("Answer: {}", turn.digest()) } else { String::new() };
    let thoughts = vec!["Reading the request. ".to_owned(), "Deciding what to do.".to_owned()];
    BrainAnswer { thoughts, text, calls }
}

/// Whether the last user message has a directive.
pub(super) fn is_directed(text: &str) -> bool {
    steps_in(text).is_some() || !directed_calls(text).is_empty()
}

/// The calls of `call:<tool>{json};call:…`.
pub(super) fn directed_calls(text: &str) -> Vec<PlannedCall> {
    let mut calls = vec![];
    let mut rest = text;
    while let Some((_, directive)) = rest.split_once("call:").filter(|_| calls.len() < MAX_CALLS) {
        let (call, left) = directed_call(directive);
        calls.extend(call);
        rest = left;
    }
    calls
}

/// A call of this tool with a value for every required argument.
pub(super) fn synthesised_call(tool: &ToolSpec) -> PlannedCall {
    let required = tool.parameters.get("required").and_then(Value::as_array);
    let names = required.into_iter().flatten().filter_map(Value::as_str);
    let arguments = names.map(|name| (name.to_owned(), synthesised(tool, name))).collect();
    PlannedCall { name: tool.name.clone(), arguments }
}

struct LastTurn<'a> {
    text: &'a str,
    results: Vec<&'a str>,
    rounds: usize,
}

impl<'a> LastTurn<'a> {
    fn of(conversation: &'a Conversation) -> Self {
        let mut turn = Self { text: "", results: vec![], rounds: 0 };
        for said in &conversation.said {
            match said {
                Said::User(text) => turn = Self { text, results: vec![], rounds: 0 },
                Said::Assistant { calls, .. } => turn.rounds += usize::from(!calls.is_empty()),
                Said::Tool { output, .. } => turn.results.push(output),
            }
        }
        turn
    }

    fn steps(&self) -> usize {
        steps_in(self.text).unwrap_or(1)
    }

    fn calls(&self, tools: &[ToolSpec]) -> Vec<PlannedCall> {
        if tools.is_empty() {
            return vec![];
        }
        let directed = directed_calls(self.text);
        if !directed.is_empty() {
            return directed;
        }
        let named = tools.iter().find(|tool| self.text.contains(&tool.name));
        let chosen = named.or_else(|| tools.first().filter(|_| steps_in(self.text).is_some()));
        chosen.map(synthesised_call).into_iter().collect()
    }

    fn digest(&self) -> String {
        let results = self.results.join(" ");
        let source = if self.results.is_empty() { self.text } else { &results };
        source.chars().take(DIGEST).collect()
    }
}

/// The call at the start of `directive`, and what follows it.
fn directed_call(directive: &str) -> (Option<PlannedCall>, &str) {
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    let end = directive.find(|c| !is_name(c)).unwrap_or(directive.len());
    let (name, after) = directive.split_at_checked(end).unwrap_or((directive, ""));
    if name.is_empty() {
        return (None, after);
    }
    let mut parsed = Deserializer::from_str(after).into_iter::<Map<String, Value>>();
    let (arguments, left) = match parsed.next() {
        Some(Ok(arguments)) => (arguments, after.get(parsed.byte_offset()..).unwrap_or_default()),
        Some(Err(_)) | None => (Map::new(), after),
    };
    (Some(PlannedCall { name: name.to_owned(), arguments }), left)
}

fn steps_in(text: &str) -> Option<usize> {
    let (_, rest) = text.split_once("steps:")?;
    let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
    digits.parse::<usize>().ok().map(|steps| steps.min(MAX_STEPS))
}

fn synthesised(tool: &ToolSpec, name: &str) -> Value {
    let schema = tool.parameters.get("properties").and_then(|all| all.get(name));
    let kind = schema.and_then(|schema| schema.get("type")).and_then(Value::as_str);
    let listed = schema.and_then(|schema| schema.pointer("/enum/0"));
    match (listed, kind) {
        (Some(value), _) => value.clone(),
        (None, Some("integer" | "number")) => json!(1),
        (None, Some("boolean")) => json!(true),
        (None, Some("array")) => json!([]),
        (None, Some("object")) => json!({}),
        (None, _) => json!(name),
    }
}
