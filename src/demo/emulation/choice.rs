//! Chooses the scenario of a request.

use axum::http::request::Parts;
use serde_json::{Map, Value};

use super::agent::{directed_calls, synthesised_call};
use super::gemini_refusal::GeminiRefusal;
use super::scenarios::{Key, Scenario};
use super::script::{Lined, Play, Script};
use crate::conversation::PlannedCall;
use crate::wire::request::ChatRequest;

#[derive(Debug)]
pub(super) struct Chosen {
    /// The name in the log.
    pub(super) label: String,
    pub(super) play: Play,
    /// Knobs for this answer only.
    pub(super) knobs: String,
    /// Identifies this sequence.
    pub(super) key: Key,
    call: Option<PlannedCall>,
}

/// The scenario that also answers after results: it is a loop.
const FOR_EVER: &str = "repeat_call";

/// The first that applies: script, model name, directive, agent.
pub(super) fn choose(
    script: &Script,
    parts: &Parts,
    request: &ChatRequest,
) -> Result<Chosen, GeminiRefusal> {
    let header = parts.headers.get("x-test-id").and_then(|value| value.to_str().ok());
    let test = header.unwrap_or_default();
    let words = request.last_user_text();
    if let Some(lined) = script.take(test, &words) {
        return Ok(Chosen::lined(lined));
    }
    let owner = if test.is_empty() { words.clone() } else { test.to_owned() };
    match named(request, &words) {
        Some(name) => Chosen::named(name, owner),
        None => Chosen::named("agent", owner),
    }
}

fn named<'a>(request: &'a ChatRequest, words: &'a str) -> Option<&'a str> {
    request.model.strip_prefix("fake:").or_else(|| directive(request, words))
}

/// A directive applies to the first answer of its turn only, or the turn would never end.
fn directive<'a>(request: &ChatRequest, words: &'a str) -> Option<&'a str> {
    let (_, rest) = words.split_once("[[scenario:")?;
    let (name, _) = rest.split_once("]]")?;
    (request.ends_with_user() || name == FOR_EVER).then_some(name)
}

impl Chosen {
    fn lined(lined: Lined) -> Self {
        let Lined { label, play, knobs, call, .. } = lined;
        Self { key: (label.clone(), String::new()), label, play, knobs, call }
    }

    fn named(name: &str, owner: String) -> Result<Self, GeminiRefusal> {
        let unknown = || GeminiRefusal::saying(&format!("There is no scenario `{name}`."));
        let scenario = Scenario::parse(name).ok_or_else(unknown)?;
        Ok(Self {
            label: name.to_owned(),
            play: Play::Scenario(scenario),
            knobs: String::new(),
            key: (name.to_owned(), owner),
            call: None,
        })
    }

    /// The calls of a written scenario: scripted, from directives, of offered tools, or samples.
    pub(super) fn calls(&self, request: &ChatRequest) -> (PlannedCall, PlannedCall) {
        let tools = request.conversation().tools;
        let offered = tools.iter().map(synthesised_call);
        let directed = directed_calls(&request.last_user_text()).into_iter();
        let mut calls = self.call.clone().into_iter().chain(directed).chain(offered);
        let first = calls.next().unwrap_or_else(|| sample("glob", "pattern", "*"));
        let other = || if tools.is_empty() { sample("list", "path", ".") } else { first.clone() };
        let second = calls.next().unwrap_or_else(other);
        (first, second)
    }
}

fn sample(name: &str, key: &str, value: &str) -> PlannedCall {
    let arguments = Map::from_iter([(key.to_owned(), Value::from(value))]);
    PlannedCall { name: name.to_owned(), arguments }
}
