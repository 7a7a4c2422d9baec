//! Serves HTTP/1 with limits that `axum::serve` does not have (ADR 19). Knows no routes.

mod accept;
mod connection;
mod idle;
mod room;
mod stalled;
mod unread;

use std::sync::Arc;

use axum::Router;
use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use accept::{Accept, Tcp};
use connection::{Guest, serve_connection};
use room::Room;

use base::cores::Cores;

#[derive(Clone, Debug)]
pub struct Routers {
    /// For requests that have a slot.
    pub usual: Router,
    /// For requests without one: health, and a refusal for everything else.
    pub full: Router,
}

impl From<Router> for Routers {
    /// The same router for both.
    fn from(usual: Router) -> Self {
        Self { full: usual.clone(), usual }
    }
}

/// Serves at most `requests` at a time and refuses others.
///
/// Connections are distributed over the cores. Once `stop` is cancelled no more are accepted, and
/// this returns when the running requests were answered.
///
/// # Cancel safety
/// Dropping the future stops accepting, and ends the connections on the other cores.
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
    // The port is free before the last requests end, so that a new process can start.
    drop(listener);
    open.close();
    open.wait().await;
}

/// The same over TCP. Boxed, so that it is compiled here and not again
/// in each package that calls it (ADR 28).
pub fn serve_tcp(
    listener: TcpListener,
    routers: Routers,
    requests: usize,
    cores: Cores,
    stop: CancellationToken,
) -> BoxFuture<'static, ()> {
    serve(Tcp::new(listener), routers, requests, cores, stop).boxed()
}

async fn welcome<L: Accept + 'static>(arrival: L::Arrival, guest: Guest, stop: CancellationToken) {
    match L::connect(arrival) {
        Ok(stream) => serve_connection(stream, guest, stop).await,
        Err(error) => tracing::error!(%error, "A connection cannot be served"),
    }
}
