//! Endless answers, sent as fast as they are read. Made piece by piece: the emulator must not need
//! the memory that the test is about.

use bytes::Bytes;
use serde_json::Value;

use crate::wire::delivery::Delivery;
use crate::wire::sse::chunks_of;
use crate::wire::steps::BodyStep;

const WIDE: usize = 16 << 10;
const WIDE_IN_MEBIBYTE: usize = (1 << 20) / WIDE;

/// Narrow chunks per write.
const AT_ONCE: usize = 128;

/// Mebibytes of text in long chunks, with the end of `events`.
pub(super) fn wide_flood(events: &[Bytes], mebibytes: usize) -> Delivery {
    flood(events, &"a".repeat(WIDE), WIDE_IN_MEBIBYTE * mebibytes, 1)
}

/// Chunks of one character, with the end of `events`.
pub(super) fn narrow_flood(events: &[Bytes], count: usize) -> Delivery {
    flood(events, "a", count, AT_ONCE)
}

fn flood(events: &[Bytes], content: &str, count: usize, at_once: usize) -> Delivery {
    let event = saying(events, content);
    let pieces = [(at_once, count / at_once), (count % at_once, 1)];
    let floods = pieces.into_iter().filter(|(width, times)| *width > 0 && *times > 0);
    let floods =
        floods.map(|(width, times)| BodyStep::Flood(event.repeat(width).into(), width, times));
    let ending = events.iter().skip(events.len().saturating_sub(2)).cloned().map(BodyStep::Send);
    Delivery::stream(floods.chain(ending).collect())
}

/// The first event, with this text.
fn saying(events: &[Bytes], content: &str) -> String {
    let first = events.first().map(|event| String::from_utf8_lossy(event)).unwrap_or_default();
    let mut chunk = chunks_of(&first).pop().unwrap_or_default();
    if let Some(said) = chunk.pointer_mut("/choices/0/delta/content") {
        *said = Value::from(content);
    }
    format!("data: {chunk}\n\n")
}
