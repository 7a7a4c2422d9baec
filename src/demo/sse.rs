//! Events as bytes, at the pace that is asked for.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use serde_json::Value;

use super::completion::completion;
use super::delivery::{Delivery, JSON, Step};
use super::ids::Ids;
use super::knobs::{Flag, Knobs};

/// The last event of a stream.
const DONE: &str = "data: [DONE]\n\n";

/// Whether an answer comes in events or in one piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Events,
    Whole,
}

/// The chunks of an answer, in the form that was asked for.
pub(super) fn deliver(chunks: &[Value], form: Form, knobs: &Knobs, ids: &Ids) -> Delivery {
    match form {
        Form::Events => {
            let events = chunks.iter().map(|chunk| format!("data: {chunk}\n\n"));
            let events = events.chain([DONE.to_owned()]).map(Bytes::from).collect();
            Delivery::stream(paced(events, knobs, ids))
        }
        Form::Whole => {
            let body = completion(chunks).to_string();
            Delivery::whole(http::StatusCode::OK, JSON, body).after(knobs.first)
        }
    }
}

/// The chunks that events carry.
pub(super) fn chunks_of(events: &str) -> Vec<Value> {
    let data = events.lines().filter_map(|line| line.strip_prefix("data: "));
    data.filter_map(|data| serde_json::from_str(data).ok()).collect()
}

/// Cuts a text into its events.
pub(super) fn events_of(text: &str) -> Vec<Bytes> {
    text.split("\n\n").map(|event| Bytes::from(format!("{event}\n\n"))).collect()
}

/// Spreads events over time.
pub(super) fn paced(events: Vec<Bytes>, knobs: &Knobs, ids: &Ids) -> VecDeque<Step> {
    let events = if knobs.has(Flag::Coalesce) { vec![events.concat().into()] } else { events };
    let pieces = match knobs.split {
        Some(size) => events.concat().chunks(size).map(Bytes::copy_from_slice).collect(),
        None => events,
    };
    let mut steps = VecDeque::new();
    for (index, piece) in pieces.into_iter().enumerate() {
        let pause = jittered(if index == 0 { knobs.first } else { knobs.gap }, knobs, ids);
        if !pause.is_zero() {
            steps.push_back(Step::Wait(pause));
        }
        steps.push_back(Step::Send(piece));
    }
    steps
}

fn jittered(pause: Duration, knobs: &Knobs, ids: &Ids) -> Duration {
    if pause.is_zero() || knobs.jitter == 0.0 {
        return pause;
    }
    let roll = f64::from(u32::try_from(ids.roll(2_001)).unwrap_or(1_000)) / 1_000.0 - 1.0;
    pause.mul_f64(1.0 + roll * knobs.jitter)
}
