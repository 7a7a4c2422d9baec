//! How fast events are sent, and in which pieces.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;

use super::ids::Ids;
use super::steps::BodyStep;

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Pace {
    /// Pause before the first event.
    pub first: Duration,
    /// The 95th percentile of the first pause. Without it, only `jitter` varies pauses.
    pub first_late: Option<Duration>,
    /// Pause between two events.
    pub gap: Duration,
    /// The share by which pauses vary, 0 to 1.
    pub jitter: f64,
    /// Cuts the stream into pieces of this many bytes.
    pub split: Option<usize>,
    /// Sends all events in one write.
    pub coalesce: bool,
}

/// The 95th percentile of a normal distribution, in standard deviations.
const AT_95: f64 = 1.645;

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

/// The pause before the first event, log-normal with median `first`: a few are much longer, as with
/// real providers.
pub(crate) fn first(pace: &Pace, ids: &Ids) -> Duration {
    let Some(late) = pace.first_late.filter(|late| *late > pace.first) else {
        return jittered(pace.first, pace, ids);
    };
    let spread = (late.as_secs_f64() / pace.first.as_secs_f64().max(0.001)).ln() / AT_95;
    // The sum of twelve uniform numbers, minus six, is nearly normal with deviation one.
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
