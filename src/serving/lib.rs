//! Serves HTTP/1 with limits that `axum::serve` does not have (ADR 19). Knows no routes.

mod accept;
mod connection;
mod ending;
mod idle;
mod room;
mod slow_head;
mod stalled;
mod unread;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::net::TcpListener;
use tokio::time::{Instant, timeout_at};
use tokio_util::task::TaskTracker;

pub use accept::{Accept, Tcp};
use connection::{Guest, serve_connection, speaks};
pub use ending::Ending;
use room::{Room, Seat};

use base::cores::Cores;

/// How long connections are still accepted once newcomers are turned away: those that the system
/// has accepted, or is about to. Closing the listener would reset them, with their requests.
const LAST_HANDSHAKES: Duration = Duration::from_millis(100);

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
/// Connections are distributed over the cores. This returns when no more are accepted, all have
/// stopped, and the running requests were answered.
///
/// # Cancel safety
/// Dropping the future stops accepting, and ends the connections on the other cores.
pub async fn serve<L: Accept + 'static>(
    mut listener: L,
    routers: impl Into<Routers>,
    requests: usize,
    cores: Cores,
    ending: impl Into<Ending>,
) {
    let ending = Arc::new(ending.into());
    let (routers, room) = (Arc::new(routers.into()), Room::for_requests(requests));
    let open = TaskTracker::new();
    let serve_it = |(arrival, seat): (L::Arrival, Seat)| {
        let (seat, routers) = (Arc::new(seat), Arc::clone(&routers));
        let ending = Arc::clone(&ending);
        cores.spawn(&open, |load| welcome::<L>(arrival, Guest { seat, routers, load, ending }));
    };
    while let Some(arrival) = ending.shut.run_until_cancelled(room.next(&mut listener)).await {
        serve_it(arrival);
    }
    listener.turn_away();
    let until = Instant::now() + LAST_HANDSHAKES;
    while let Ok(arrival) = timeout_at(until, room.next(&mut listener)).await {
        serve_it(arrival);
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
    ending: Ending,
) -> BoxFuture<'static, ()> {
    serve(Tcp::new(listener), routers, requests, cores, ending).boxed()
}

async fn welcome<L: Accept + 'static>(arrival: L::Arrival, guest: Guest) {
    match L::connect(arrival) {
        Ok(mut stream) => {
            if speaks::<L>(&mut stream, &guest).await {
                // Boxed, so that a connection that says nothing does not hold room for it.
                serve_connection(stream, guest).boxed().await;
            }
        }
        Err(error) => tracing::error!(%error, "A connection cannot be served"),
    }
}
