//! Turns a written scenario into an answer.

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::gemini_refusal::GeminiRefusal;
use super::scenarios::{BodyKind, Fills, WrittenScenario, find};
use crate::wire::delivery::{Delivery, HTML, JSON};
use crate::wire::ids::Ids;
use crate::wire::pace::{Pace, paced};
use crate::wire::problem::in_array;
use crate::wire::sse::{Form, chunks_of, deliver, events_of};

pub(super) fn written(name: &str, fills: &Fills, form: Form, pace: &Pace, ids: &Ids) -> Delivery {
    let Some(entry) = find(name) else { return missing(name) };
    let text = fills.fill(&entry.template);
    match entry.kind {
        BodyKind::Stream if form == Form::Whole => deliver(&chunks_of(&text), form, pace, ids),
        BodyKind::Stream => stream(&text, pace, ids),
        BodyKind::Json => whole(entry, JSON, text).after(pace.first),
        BodyKind::Error => whole(entry, JSON, wrapped(&text)).after(pace.first),
        BodyKind::Html => whole(entry, HTML, text).after(pace.first),
    }
}

pub(super) fn refused(refusal: &GeminiRefusal) -> Delivery {
    match find(refusal.scenario) {
        Some(entry) => whole(entry, JSON, wrapped(&refusal.fills.fill(&entry.template))),
        None => missing(refusal.scenario),
    }
}

fn stream(text: &str, pace: &Pace, ids: &Ids) -> Delivery {
    let mut events = events_of(text);
    if let Some(last) = events.last_mut().filter(|last| !last.starts_with(b"data: ")) {
        last.truncate(last.len().saturating_sub(1));
    }
    Delivery::stream(paced(events, pace, ids))
}

fn whole(entry: &WrittenScenario, content_type: &'static str, body: String) -> Delivery {
    let delivery = Delivery::whole(entry.status, content_type, body);
    Delivery { headers: entry.headers.clone(), ..delivery }
}

fn wrapped(error: &str) -> String {
    in_array(&serde_json::from_str(error).unwrap_or(Value::Null))
}

fn missing(name: &str) -> Delivery {
    let body = json!([{ "error": { "code": 500, "message": format!("there is no scenario {name}"), "status": "INTERNAL" } }]);
    Delivery::whole(StatusCode::INTERNAL_SERVER_ERROR, JSON, body.to_string())
}
