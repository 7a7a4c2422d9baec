//! The body of an answer, step by step.

use std::collections::VecDeque;
use std::io::Result;
use std::time::Duration;

use bytes::Bytes;
use futures::Stream;
use futures::stream::unfold;
use tokio::time::sleep;

use super::way::{DeliveryEnd, Way, Witness};

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum BodyStep {
    Send(Bytes),
    /// The same bytes repeatedly: the number of events in them, and the number of times.
    Flood(Bytes, usize, usize),
    Wait(Duration),
    /// Silence, with the connection open.
    Hang,
    /// The connection is reset.
    Reset,
}

pub(super) fn body<W: Witness>(
    way: Way<W>,
    steps: VecDeque<BodyStep>,
) -> impl Stream<Item = Result<Bytes>> + Send {
    unfold((way, steps), async |(way, mut steps)| {
        let item = next(&way, &mut steps).await?;
        Some((item, (way, steps)))
    })
}

/// Takes steps until there is something to send. Yields before each, so that hyper flushes the
/// piece before it separately.
async fn next<W: Witness>(way: &Way<W>, steps: &mut VecDeque<BodyStep>) -> Option<Result<Bytes>> {
    while let Some(step) = steps.pop_front() {
        tokio::task::yield_now().await;
        match step {
            _ if way.stop.is_cancelled() => return Some(Err(way.reset())),
            BodyStep::Send(bytes) => {
                way.witness.sent(bytes.len(), 1);
                return Some(Ok(bytes));
            }
            BodyStep::Flood(_, _, 0) => {}
            BodyStep::Flood(bytes, events, times) => {
                way.witness.sent(bytes.len(), events);
                steps.push_front(BodyStep::Flood(bytes.clone(), events, times - 1));
                return Some(Ok(bytes));
            }
            BodyStep::Wait(pause) => wait(way, sleep(pause)).await,
            BodyStep::Hang => wait(way, std::future::pending()).await,
            BodyStep::Reset => return Some(Err(way.reset())),
        }
    }
    if way.stop.is_cancelled() {
        return Some(Err(way.reset()));
    }
    way.witness.end(DeliveryEnd::Complete);
    None
}

/// Waits, but no longer than until the server stops.
pub(super) async fn wait<W>(way: &Way<W>, what: impl Future<Output = ()>) {
    way.stop.run_until_cancelled(what).await;
}
