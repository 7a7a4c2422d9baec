//! How fast events come, and in which pieces.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;

use super::ids::Ids;
use super::steps::BodyStep;

/// The timing of one answer, and how its bytes are cut.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Pace {
    /// Pause before the first event.
    pub first: Duration,
    /// What one first pause in twenty is longer than; without it, none varies but by `jitter`.
    pub first_late: Option<Duration>,
    /// Pause between two events.
    pub gap: Duration,
    /// Share by which pauses vary, 0 to 1.
    pub jitter: f64,
    /// Cuts the byte stream every so many bytes.
    pub split: Option<usize>,
    /// All events come in one write.
    pub coalesce: bool,
}

/// How far from the middle of a bell curve one in twenty lies on one side.
const AT_95: f64 = 1.645;

/// Spreads events over time.
pub(crate) fn paced(events: Vec<Bytes>, pace: &Pace, ids: &Ids) -> VecDeque<BodyStep> {
    let events = if pace.coalesce { vec![events.concat().into()] } else { events };
    let pieces = match pace.split {
        Some(size) => events.concat().chunks(size).map(Bytes::copy_from_slice).collect(),
        None => events,
    };
    let mut steps = VecDeque::new();
    for (index, piece) in pieces.into_iter().enumerate() {
        let pause = if index == 0 { first(pace, ids) } else { jittered(pace.gap, pace, ids) };
        if !pause.is_zero() {
            steps.push_back(BodyStep::Wait(pause));
        }
        steps.push_back(BodyStep::Send(piece));
    }
    steps
}

/// The pause before the first event: half are shorter than `first`, a few are much longer.
pub(crate) fn first(pace: &Pace, ids: &Ids) -> Duration {
    let Some(late) = pace.first_late.filter(|late| *late > pace.first) else {
        return jittered(pace.first, pace, ids);
    };
    let spread = (late.as_secs_f64() / pace.first.as_secs_f64().max(0.001)).ln() / AT_95;
    let bell: f64 = (0..12).map(|_| share(ids)).sum::<f64>() - 6.0;
    pace.first.mul_f64((bell * spread).exp())
}

fn jittered(pause: Duration, pace: &Pace, ids: &Ids) -> Duration {
    if pause.is_zero() || pace.jitter == 0.0 {
        return pause;
    }
    pause.mul_f64(1.0 + (share(ids) * 2.0 - 1.0) * pace.jitter)
}

/// A number from 0 to 1.
fn share(ids: &Ids) -> f64 {
    f64::from(u32::try_from(ids.roll(2_001)).unwrap_or(1_000)) / 2_000.0
}
