//! Answers that a test has queued, each for a matching request.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use serde::Deserialize;
use serde_json::{Map, Value};
use thiserror::Error;
use tokio::time::Instant;

use super::knobs::{Knobs, UnknownKnob};
use super::scenarios::{FlakyFailure, Scenario};
use crate::conversation::{BrainAnswer, PlannedCall};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PostedEntry {
    scenario: Option<String>,
    answer: Option<PostedAnswer>,
    #[serde(rename = "match")]
    matches: Option<String>,
    #[serde(default)]
    options: String,
    tool: Option<String>,
    arguments: Option<Map<String, Value>>,
}

/// An answer written by the test.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct PostedAnswer {
    #[serde(default)]
    thoughts: Vec<String>,
    #[serde(default)]
    text: String,
    #[serde(default)]
    calls: Vec<PostedCall>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct PostedCall {
    name: String,
    #[serde(default)]
    arguments: Map<String, Value>,
}

#[derive(Clone, Debug)]
pub(super) struct Lined {
    pub(super) label: String,
    pub(super) play: Play,
    pub(super) knobs: String,
    pub(super) call: Option<PlannedCall>,
    matches: Option<String>,
    ends: Option<Instant>,
}

#[derive(Clone, Debug)]
pub(super) enum Play {
    Scenario(Scenario),
    Fault(FlakyFailure),
    Answer(BrainAnswer),
}

#[derive(Debug, Error)]
pub(super) enum ScriptError {
    #[error("there is no scenario `{0}`")]
    UnknownScenario(String),
    #[error("an entry has either a `scenario` or an `answer`")]
    Ambiguous,
    #[error(transparent)]
    Knob(#[from] UnknownKnob),
    #[error("no more than {MAX_LINED} answers can be queued")]
    Full,
}

#[derive(Debug, Default)]
pub(super) struct Script(Mutex<VecDeque<Lined>>);

const MAX_LINED: usize = 1_024;

impl Script {
    /// Queues all entries or none.
    pub(super) fn add(&self, posted: Vec<PostedEntry>) -> Result<usize, ScriptError> {
        let mut fresh = vec![];
        for entry in posted {
            fresh.extend(entry.lined()?);
        }
        let mut line = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if line.len() + fresh.len() > MAX_LINED {
            return Err(ScriptError::Full);
        }
        line.extend(fresh);
        Ok(line.len())
    }

    /// Takes the first matching answer. Outages and quotas stay, because they answer many requests.
    pub(super) fn take(&self, test: &str, words: &str) -> Option<Lined> {
        let mut line = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        line.retain(|lined| lined.ends.is_none_or(|end| Instant::now() < end));
        let index = line.iter().position(|lined| lined.is_meant_for(test, words))?;
        let found = line.get_mut(index)?;
        if let Play::Scenario(Scenario::Breaker(window)) = found.play {
            found.ends.get_or_insert_with(|| Instant::now() + window);
            let play = Play::Scenario(Scenario::Written("e503_overloaded".to_owned()));
            return Some(Lined { play, ..found.clone() });
        }
        if matches!(found.play, Play::Scenario(Scenario::Quota(_))) {
            return Some(found.clone());
        }
        line.remove(index)
    }

    pub(super) fn clear(&self, test: Option<&str>) {
        let mut line = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        line.retain(|lined| test.is_some_and(|test| lined.matches.as_deref() != Some(test)));
    }
}

impl Lined {
    fn is_meant_for(&self, test: &str, words: &str) -> bool {
        let meant = |text: &String| test.contains(text) || words.contains(text);
        self.matches.as_ref().is_none_or(meant)
    }
}

impl PostedEntry {
    /// A flaky sequence is queued as its single faults.
    fn lined(self) -> Result<Vec<Lined>, ScriptError> {
        Knobs::default().turned(&self.options)?;
        let label = self.scenario.clone().unwrap_or_else(|| "answer".to_owned());
        let (play, times) = match (&self.scenario, self.answer) {
            (Some(name), None) => parts(scenario(name)?),
            (None, Some(answer)) => (Play::Answer(answer.answer()), 1),
            (None, None) | (Some(_), Some(_)) => return Err(ScriptError::Ambiguous),
        };
        let arguments = self.arguments.unwrap_or_default();
        let call = self.tool.map(|name| PlannedCall { name, arguments });
        let lined =
            Lined { label, play, knobs: self.options, call, matches: self.matches, ends: None };
        Ok(vec![lined; times])
    }
}

impl PostedAnswer {
    fn answer(self) -> BrainAnswer {
        let calls = self.calls.into_iter();
        let calls = calls.map(|call| PlannedCall { name: call.name, arguments: call.arguments });
        BrainAnswer { thoughts: self.thoughts, text: self.text, calls: calls.collect() }
    }
}

/// What to play, and for how many requests.
fn parts(scenario: Scenario) -> (Play, usize) {
    match scenario {
        Scenario::Flaky(fault, times) => (Play::Fault(fault), usize::try_from(times).unwrap_or(0)),
        other @ (Scenario::Agent
        | Scenario::Written(_)
        | Scenario::Breaker(_)
        | Scenario::Quota(_)
        | Scenario::Transport(_)) => (Play::Scenario(other), 1),
    }
}

fn scenario(name: &str) -> Result<Scenario, ScriptError> {
    Scenario::parse(name).ok_or_else(|| ScriptError::UnknownScenario(name.to_owned()))
}
