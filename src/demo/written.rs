//! Turns a written scenario into what goes over the wire.

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::delivery::{Delivery, HTML, JSON};
use super::ids::Ids;
use super::knobs::Knobs;
use super::refusal::Refusal;
use super::scenarios::{Entry, Fills, Kind, find};
use super::sse::{Form, chunks_of, deliver, events_of, paced};

/// A written scenario with its blanks filled.
pub(super) fn written(name: &str, fills: &Fills, form: Form, knobs: &Knobs, ids: &Ids) -> Delivery {
    let Some(entry) = find(name) else { return missing(name) };
    let text = fills.fill(&entry.template);
    match entry.kind {
        Kind::Stream if form == Form::Whole => deliver(&chunks_of(&text), form, knobs, ids),
        Kind::Stream => stream(&text, knobs, ids),
        Kind::Json => whole(entry, JSON, text).after(knobs.first),
        Kind::Error => whole(entry, JSON, wrapped(&text)).after(knobs.first),
        Kind::Html => whole(entry, HTML, text).after(knobs.first),
    }
}

/// A refusal as it goes over the wire.
pub(super) fn refused(refusal: &Refusal) -> Delivery {
    match find(refusal.scenario) {
        Some(entry) => whole(entry, JSON, wrapped(&refusal.fills.fill(&entry.template))),
        None => missing(refusal.scenario),
    }
}

fn stream(text: &str, knobs: &Knobs, ids: &Ids) -> Delivery {
    let mut events = events_of(text);
    if let Some(last) = events.last_mut().filter(|last| !last.starts_with(b"data: ")) {
        last.truncate(last.len().saturating_sub(1));
    }
    Delivery::stream(paced(events, knobs, ids))
}

fn whole(entry: &Entry, content_type: &'static str, body: String) -> Delivery {
    let delivery = Delivery::whole(entry.status, content_type, body);
    Delivery { headers: entry.headers.clone(), ..delivery }
}

/// Google's way: an array of one, pretty-printed.
fn wrapped(error: &str) -> String {
    let error: Value = serde_json::from_str(error).unwrap_or(Value::Null);
    let body = json!([{ "error": error }]);
    format!("{body:#}\n")
}

fn missing(name: &str) -> Delivery {
    let body = json!([{ "error": { "code": 500, "message": format!("there is no scenario {name}"), "status": "INTERNAL" } }]);
    Delivery::whole(StatusCode::INTERNAL_SERVER_ERROR, JSON, body.to_string())
}
