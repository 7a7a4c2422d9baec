//! Disturbs the way of an answer.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;

use super::flood::{narrow_flood, wide_flood};
use super::scenarios::Transport;
use crate::wire::delivery::{Delivery, Head};
use crate::wire::ids::Ids;
use crate::wire::pace::{Pace, paced};
use crate::wire::steps::Step;

/// Between two bytes of a trickle.
const DRIP: Duration = Duration::from_millis(50);

/// Between two comments, and what they say.
const PING: Duration = Duration::from_millis(50);
const PINGED: Bytes = Bytes::from_static(b": ping\n\n");

/// The events, disturbed as asked.
pub(super) fn disturbed(
    transport: &Transport,
    events: Vec<Bytes>,
    pace: &Pace,
    ids: &Ids,
) -> Delivery {
    let steps = |events| paced(events, pace, ids);
    let after = |count: usize, end: Option<Step>| {
        let mut steps = steps(events.iter().take(count).cloned().collect());
        steps.extend(end);
        Delivery::stream(steps)
    };
    match transport {
        Transport::HangHeaders => headless(Head::Never),
        Transport::CloseBeforeHeaders => headless(Head::Reset),
        Transport::SlowFirst(pause) => {
            let slow = Pace { first: *pause, ..pace.clone() };
            Delivery::stream(paced(events, &slow, ids))
        }
        Transport::StallAfter(count) => after(*count, Some(Step::Hang)),
        Transport::CutAfter(count) => after(*count, Some(Step::Reset)),
        Transport::EofAfter(count) => after(*count, None),
        Transport::NoLastBlank => Delivery::stream(steps(without_last_blank(events))),
        Transport::CarriageReturns => {
            Delivery::stream(steps(events.iter().map(with_carriage_returns).collect()))
        }
        Transport::ByteOrderMark => {
            let marked = [Bytes::from_static(b"\xEF\xBB\xBF")].into_iter().chain(events);
            Delivery::stream(steps(marked.collect()))
        }
        Transport::Refuse(pause) => headless(Head::Refuse(*pause)),
        Transport::Comments => Delivery::stream(with_comments(steps(events))),
        Transport::Flood(mebibytes) => wide_flood(&events, *mebibytes),
        Transport::ManyChunks(count) => narrow_flood(&events, *count),
        Transport::Trickle => {
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

fn with_comments(steps: VecDeque<Step>) -> VecDeque<Step> {
    let noted = |step| match step {
        Step::Send(_) => vec![Step::Wait(PING), Step::Send(PINGED), step],
        Step::Flood(..) | Step::Wait(_) | Step::Hang | Step::Reset => vec![step],
    };
    steps.into_iter().flat_map(noted).collect()
}
