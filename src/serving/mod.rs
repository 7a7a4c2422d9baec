//! Serves HTTP/1 to whoever connects, until told to stop (ADR 19).

mod accept;
mod connection;
mod idle;
mod room;
mod stalled;
mod unread;

use std::sync::Arc;

use axum::Router;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use accept::{Accept, Tcp};
use connection::{Guest, serve_connection};
use room::Room;

use crate::cores::Cores;

/// What answers.
#[derive(Clone, Debug)]
pub struct Routers {
    /// While there is room.
    pub usual: Router,
    /// While there is none: health, and a refusal for everything else.
    pub full: Router,
}

impl From<Router> for Routers {
    /// One that answers in any case.
    fn from(usual: Router) -> Self {
        Self { full: usual.clone(), usual }
    }
}

/// Serves so many requests at a time; others hear that there is no room.
///
/// Connections are shared out to the cores. Once `stop` is cancelled nobody else is let in, and it
/// returns when the requests that are under way were answered.
///
/// # Cancel safety
/// Dropping the future stops accepting, and ends what is open on further cores.
pub async fn serve<L: Accept + 'static>(
    mut listener: L,
    routers: impl Into<Routers>,
    requests: usize,
    cores: Cores,
    stop: CancellationToken,
) {
    let (routers, room) = (Arc::new(routers.into()), Room::for_requests(requests));
    let open = TaskTracker::new();
    while let Some((arrival, seat)) = stop.run_until_cancelled(room.next(&mut listener)).await {
        let (seat, routers, stop) = (Arc::new(seat), Arc::clone(&routers), stop.clone());
        cores.spawn(&open, |load| welcome::<L>(arrival, Guest { seat, routers, load }, stop));
    }
    drop(listener);
    open.close();
    open.wait().await;
}

async fn welcome<L: Accept + 'static>(arrival: L::Arrival, guest: Guest, stop: CancellationToken) {
    match L::connect(arrival) {
        Ok(stream) => serve_connection(stream, guest, stop).await,
        Err(error) => tracing::error!(%error, "A connection cannot be served"),
    }
}
