//! Sends an answer as events, or in one piece.

use bytes::Bytes;
use serde_json::Value;

use super::completion::completion;
use super::delivery::{Delivery, JSON};
use super::ids::Ids;
use super::pace::{Pace, first, paced};

const DONE: &str = "data: [DONE]\n\n";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Events,
    Whole,
}

pub(crate) fn deliver(chunks: &[Value], form: Form, pace: &Pace, ids: &Ids) -> Delivery {
    match form {
        Form::Events => {
            let events = chunks.iter().map(|chunk| format!("data: {chunk}\n\n"));
            let events = events.chain([DONE.to_owned()]).map(Bytes::from).collect();
            Delivery::stream(paced(events, pace, ids))
        }
        Form::Whole => {
            let body = completion(chunks).to_string();
            Delivery::whole(http::StatusCode::OK, JSON, body).after(first(pace, ids))
        }
    }
}

/// The chunks in a text of events.
pub(crate) fn chunks_of(events: &str) -> Vec<Value> {
    let data = events.lines().filter_map(|line| line.strip_prefix("data: "));
    data.filter_map(|data| serde_json::from_str(data).ok()).collect()
}

pub(crate) fn events_of(text: &str) -> Vec<Bytes> {
    text.split("\n\n").map(|event| Bytes::from(format!("{event}\n\n"))).collect()
}
