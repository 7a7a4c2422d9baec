//! Serves HTTP/1 to whoever connects, until told to stop.

mod stalled;

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::serve::{Listener, ListenerExt};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::select;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use stalled::Stalled;

/// How long the head of a request may take, and so how long a connection may be idle. Longer than
/// the minute after which usual load balancers let go: they are not surprised by a closed one.
const HEAD_LIMIT: Duration = Duration::from_secs(75);

/// How long a client may leave an answer unread, or its network unheard of.
const READ_LIMIT: Duration = Duration::from_secs(30);

/// Takes connections whose answers go out at once: without `TCP_NODELAY` each would wait some 40 ms
/// for the client's acknowledgement. With `TCP_USER_TIMEOUT` a client that is gone without a word is
/// noticed after half a minute, not after the quarter of an hour that TCP would try again.
pub fn tuned(listener: TcpListener) -> impl Listener {
    listener.tap_io(|stream| {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "TCP_NODELAY was not set");
        }
        #[cfg(target_os = "linux")]
        if let Err(error) = socket2::SockRef::from(&*stream).set_tcp_user_timeout(Some(READ_LIMIT))
        {
            tracing::debug!(%error, "TCP_USER_TIMEOUT was not set");
        }
    })
}

/// Serves so many connections at a time; others wait outside. Once `stop` is cancelled nobody else
/// is let in, and it returns when the requests that are under way were answered.
///
/// # Cancel safety
/// Dropping the future stops accepting; open connections go on.
pub async fn serve(
    mut listener: impl Listener,
    router: Router,
    connections: usize,
    stop: CancellationToken,
) {
    let room = Arc::new(Semaphore::new(connections.min(Semaphore::MAX_PERMITS)));
    let open = TaskTracker::new();
    while let Some((place, stream)) = stop.run_until_cancelled(accept(&mut listener, &room)).await {
        let (router, stop) = (router.clone(), stop.clone());
        drop(open.spawn(async move {
            attend(stream, router, stop).await;
            drop(place);
        }));
    }
    drop(listener);
    open.close();
    open.wait().await;
}

/// Nobody is let in before there is a place.
async fn accept<L: Listener>(
    listener: &mut L,
    room: &Arc<Semaphore>,
) -> (Option<OwnedSemaphorePermit>, L::Io) {
    let place = Arc::clone(room).acquire_owned().await.ok();
    (place, listener.accept().await.0)
}

/// Serves one connection to its end.
async fn attend(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    router: Router,
    stop: CancellationToken,
) {
    let stream = Stalled::new(stream, READ_LIMIT);
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_LIMIT)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    let mut connection = pin!(connection);
    let ended = select! {
        ended = connection.as_mut() => ended,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "A connection broke off");
    }
}
