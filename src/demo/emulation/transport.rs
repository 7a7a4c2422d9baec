//! Applies a transport fault to an answer.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;

use super::flood::{narrow_flood, wide_flood};
use super::scenarios::DeliveryFault;
use crate::wire::delivery::{Delivery, Head};
use crate::wire::ids::Ids;
use crate::wire::pace::{Pace, paced};
use crate::wire::steps::BodyStep;

/// Pause between two bytes of a trickle.
const DRIP: Duration = Duration::from_millis(50);

/// Pause before a comment, and its text.
const PING: Duration = Duration::from_millis(50);
const PINGED: Bytes = Bytes::from_static(b": ping\n\n");

pub(super) fn disturbed(
    transport: &DeliveryFault,
    events: Vec<Bytes>,
    pace: &Pace,
    ids: &Ids,
) -> Delivery {
    let steps = |events| paced(events, pace, ids);
    let after = |count: usize, end: Option<BodyStep>| {
        let mut steps = steps(events.iter().take(count).cloned().collect());
        steps.extend(end);
        Delivery::stream(steps)
    };
    match transport {
        DeliveryFault::HangHeaders => headless(Head::Never),
        DeliveryFault::CloseBeforeHeaders => headless(Head::Reset),
        DeliveryFault::SlowFirst(pause) => {
            let slow = Pace { first: *pause, ..pace.clone() };
            Delivery::stream(paced(events, &slow, ids))
        }
        DeliveryFault::StallAfter(count) => after(*count, Some(BodyStep::Hang)),
        DeliveryFault::CutAfter(count) => after(*count, Some(BodyStep::Reset)),
        DeliveryFault::EofAfter(count) => after(*count, None),
        DeliveryFault::NoLastBlank => Delivery::stream(steps(without_last_blank(events))),
        DeliveryFault::CarriageReturns => {
            Delivery::stream(steps(events.iter().map(with_carriage_returns).collect()))
        }
        DeliveryFault::ByteOrderMark => {
            let marked = [Bytes::from_static(b"\xEF\xBB\xBF")].into_iter().chain(events);
            Delivery::stream(steps(marked.collect()))
        }
        DeliveryFault::Refuse(pause) => headless(Head::Refuse(*pause)),
        DeliveryFault::Comments => Delivery::stream(with_comments(steps(events))),
        DeliveryFault::Flood(mebibytes) => wide_flood(&events, *mebibytes),
        DeliveryFault::ManyChunks(count) => narrow_flood(&events, *count),
        DeliveryFault::Trickle => {
            let drip = Pace { gap: DRIP, split: Some(1), ..pace.clone() };
            Delivery::stream(paced(events, &drip, ids))
        }
    }
}

fn headless(head: Head) -> Delivery {
    Delivery { head, ..Delivery::stream(VecDeque::new()) }
}

fn without_last_blank(mut events: Vec<Bytes>) -> Vec<Bytes> {
    if let Some(last) = events.last_mut() {
        last.truncate(last.len().saturating_sub(1));
    }
    events
}

fn with_carriage_returns(event: &Bytes) -> Bytes {
    String::from_utf8_lossy(event).replace('\n', "\r\n").into()
}

fn with_comments(steps: VecDeque<BodyStep>) -> VecDeque<BodyStep> {
    let noted = |step| match step {
        BodyStep::Send(_) => vec![BodyStep::Wait(PING), BodyStep::Send(PINGED), step],
        BodyStep::Flood(..) | BodyStep::Wait(_) | BodyStep::Hang | BodyStep::Reset => vec![step],
    };
    steps.into_iter().flat_map(noted).collect()
}
