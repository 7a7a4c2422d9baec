//! How fast events come, and in which pieces.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;

use super::delivery::Step;
use super::ids::Ids;

/// The timing of one answer, and how its bytes are cut.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Pace {
    /// Pause before the first event.
    pub first: Duration,
    /// Pause between two events.
    pub gap: Duration,
    /// Share by which pauses vary, 0 to 1.
    pub jitter: f64,
    /// Cuts the byte stream every so many bytes.
    pub split: Option<usize>,
    /// All events come in one write.
    pub coalesce: bool,
}

/// Spreads events over time.
pub(in crate::demo) fn paced(events: Vec<Bytes>, pace: &Pace, ids: &Ids) -> VecDeque<Step> {
    let events = if pace.coalesce { vec![events.concat().into()] } else { events };
    let pieces = match pace.split {
        Some(size) => events.concat().chunks(size).map(Bytes::copy_from_slice).collect(),
        None => events,
    };
    let mut steps = VecDeque::new();
    for (index, piece) in pieces.into_iter().enumerate() {
        let pause = jittered(if index == 0 { pace.first } else { pace.gap }, pace, ids);
        if !pause.is_zero() {
            steps.push_back(Step::Wait(pause));
        }
        steps.push_back(Step::Send(piece));
    }
    steps
}

fn jittered(pause: Duration, pace: &Pace, ids: &Ids) -> Duration {
    if pause.is_zero() || pace.jitter == 0.0 {
        return pause;
    }
    let roll = f64::from(u32::try_from(ids.roll(2_001)).unwrap_or(1_000)) / 1_000.0 - 1.0;
    pause.mul_f64(1.0 + roll * pace.jitter)
}
