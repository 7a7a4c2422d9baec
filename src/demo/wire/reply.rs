//! Writes an answer as Gemini does, chunk by chunk.

use serde_json::{Map, Value, json};

use super::ids::Ids;
use super::phrases::{Chars, phrases};
use super::profile::Generation;
use super::usage::EstimatedUsage;
use crate::conversation::{BrainAnswer, PlannedCall};

/// Everything about a reply except its content.
#[derive(Clone, Debug)]
pub(crate) struct ReplyStyle {
    pub(crate) model: String,
    pub(crate) generation: Generation,
    /// The id, which Gemini sometimes omits.
    pub(crate) id: Option<String>,
    pub(crate) created: i64,
    pub(crate) parallel: Parallel,
    /// The length of a chunk of text, if not a few words.
    pub(crate) chars: Option<Chars>,
    pub(crate) thoughts: Thoughts,
    /// The usage, if it was requested.
    pub(crate) usage: Option<EstimatedUsage>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Thoughts {
    Shown,
    Hidden,
}

/// How a 2.5 model writes parallel calls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Parallel {
    /// Either, depending on the seed.
    #[default]
    Seeded,
    /// One chunk per call.
    Chunks,
    /// All in one delta.
    OneDelta,
}

struct Moment {
    delta: Map<String, Value>,
    finish: Option<&'static str>,
    characters: usize,
}

/// Without the closing `[DONE]`.
pub(crate) fn chunks(answer: &BrainAnswer, style: &ReplyStyle, ids: &Ids) -> Vec<Value> {
    let mut written = 0;
    let moments = moments(answer, style, ids).into_iter();
    moments
        .map(|moment| {
            written += moment.characters;
            chunk(moment, style, written)
        })
        .collect()
}

fn chunk(moment: Moment, style: &ReplyStyle, written: usize) -> Value {
    let mut choice = Map::new();
    choice.insert("delta".into(), Value::Object(moment.delta));
    if let Some(reason) = moment.finish {
        choice.insert("finish_reason".into(), reason.into());
    }
    choice.insert("index".into(), 0.into());
    let mut chunk = Map::new();
    chunk.insert("choices".into(), json!([choice]));
    chunk.insert("created".into(), style.created.into());
    if let Some(id) = &style.id {
        chunk.insert("id".into(), id.as_str().into());
    }
    chunk.insert("model".into(), style.model.as_str().into());
    chunk.insert("object".into(), "chat.completion.chunk".into());
    if let Some(usage) = &style.usage {
        chunk.insert("usage".into(), usage.after(written));
    }
    Value::Object(chunk)
}

fn moments(answer: &BrainAnswer, style: &ReplyStyle, ids: &Ids) -> Vec<Moment> {
    let thoughts = match style.thoughts {
        Thoughts::Shown => answer.thoughts.as_slice(),
        Thoughts::Hidden => &[],
    };
    let mut moments: Vec<Moment> = thoughts.iter().enumerate().map(thought).collect();
    let mut closing = if moments.is_empty() { "" } else { "</thought>" };
    for words in phrases(&answer.text, style.chars, ids) {
        moments.push(Moment::text(format!("{closing}{words}")));
        closing = "";
    }
    if answer.calls.is_empty() {
        close_text(&mut moments, closing, style, ids);
    } else {
        moments.extend(call_moments(&answer.calls, closing, style, ids));
    }
    moments
}

impl Moment {
    fn of(delta: Map<String, Value>) -> Self {
        Self { delta, finish: None, characters: 0 }
    }

    fn text(content: String) -> Self {
        let characters = content.chars().count();
        let mut delta = Map::new();
        delta.insert("content".into(), content.into());
        delta.insert("role".into(), "assistant".into());
        Self { characters, ..Self::of(delta) }
    }

    fn silent() -> Self {
        Self::of(Map::from_iter([("role".to_owned(), Value::from("assistant"))]))
    }
}

fn thought((position, thought): (usize, &String)) -> Moment {
    let opening = if position == 0 { "<thought>" } else { "" };
    let mut delta = Map::new();
    delta.insert("content".into(), format!("{opening}{thought}").into());
    delta.insert("extra_content".into(), json!({ "google": { "thought": true } }));
    delta.insert("role".into(), "assistant".into());
    Moment::of(delta)
}

/// Ends an answer without calls. A 3.x model signs its text in a last empty chunk.
fn close_text(moments: &mut Vec<Moment>, closing: &str, style: &ReplyStyle, ids: &Ids) {
    if !closing.is_empty() {
        moments.push(Moment::text(closing.to_owned()));
    }
    match style.generation {
        Generation::Two if moments.is_empty() => moments.push(Moment::silent()),
        Generation::Two => {}
        Generation::Three => moments.push(signed_end(style, ids)),
    }
    if let Some(last) = moments.last_mut() {
        last.finish = Some("stop");
    }
}

fn signed_end(style: &ReplyStyle, ids: &Ids) -> Moment {
    let signature = ids.signature(style.id.as_deref().unwrap_or_default());
    let mut delta = Map::new();
    delta.insert("extra_content".into(), google_signature(&signature));
    delta.insert("role".into(), "assistant".into());
    Moment::of(delta)
}

fn call_moments(
    calls: &[PlannedCall],
    closing: &str,
    style: &ReplyStyle,
    ids: &Ids,
) -> Vec<Moment> {
    let calls = calls.iter().enumerate();
    let written: Vec<Value> = calls.map(|(at, call)| written_call(call, at, style, ids)).collect();
    let groups: Vec<Vec<Value>> = match (style.generation, style.parallel) {
        (Generation::Two, Parallel::Chunks) => written.into_iter().map(|call| vec![call]).collect(),
        (Generation::Two, Parallel::Seeded) if written.len() > 1 && ids.roll(2) == 0 => {
            written.into_iter().map(|call| vec![call]).collect()
        }
        (Generation::Two | Generation::Three, _) => vec![written],
    };
    let mut moments: Vec<Moment> = groups.into_iter().map(calls_moment).collect();
    if let Some(first) = moments.first_mut().filter(|_| !closing.is_empty()) {
        first.delta.shift_insert(0, "content".into(), closing.into());
    }
    finish_calls(&mut moments, style.generation);
    moments
}

fn calls_moment(calls: Vec<Value>) -> Moment {
    let characters = calls.iter().map(|call| call.to_string().chars().count()).sum();
    let mut delta = Map::new();
    delta.insert("role".into(), "assistant".into());
    delta.insert("tool_calls".into(), calls.into());
    Moment { characters, ..Moment::of(delta) }
}

fn finish_calls(moments: &mut Vec<Moment>, generation: Generation) {
    let reason = match generation {
        Generation::Two => "tool_calls",
        Generation::Three => {
            moments.push(Moment::silent());
            "stop"
        }
    };
    if let Some(last) = moments.last_mut() {
        last.finish = Some(reason);
    }
}

fn written_call(call: &PlannedCall, position: usize, style: &ReplyStyle, ids: &Ids) -> Value {
    let id = ids.call(style.generation);
    let arguments = Value::Object(call.arguments.clone()).to_string();
    let mut written = Map::new();
    // Only the first of parallel calls is signed.
    if style.generation == Generation::Three && position == 0 {
        written.insert("extra_content".into(), google_signature(&ids.signature(&id)));
    }
    written.insert("function".into(), json!({ "arguments": arguments, "name": call.name }));
    written.insert("id".into(), id.into());
    written.insert("type".into(), "function".into());
    Value::Object(written)
}

fn google_signature(signature: &str) -> Value {
    json!({ "google": { "thought_signature": signature } })
}
