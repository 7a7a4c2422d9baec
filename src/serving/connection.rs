//! Serves one connection with hyper, from its first byte to its end (ADR 19).

use std::convert::Infallible;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use axum::http::header::CONNECTION;
use axum::http::{HeaderValue, Request, Response};
use futures::FutureExt;
use hyper::body::{Frame, Incoming, SizeHint};
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::select;
use tokio::task::yield_now;
use tokio::time::{sleep, timeout};
use tower::ServiceExt;

use super::Routers;
use super::accept::{Accept, READ_LIMIT};
use super::ending::Ending;
use super::room::{Seat, Visit};
use super::slow_head::{Head, SlowHead};
use super::stalled::Stalled;
use super::unread::{Lingering, RequestBody, Unread};
use base::cores::{Busy, Load};

/// How long a connection may be idle. Load balancers close after 60 s by default. The side that
/// closes first cannot use a connection that is just being closed, so ours is longer (ADR 19).
const IDLE_LIMIT: Duration = Duration::from_secs(75);

/// The same for a connection on a reserve file.
const SHORT_IDLE_LIMIT: Duration = Duration::from_secs(1);

/// In bytes: the head of a request, as much as Node.js lets through. Room for the longest token.
const MAX_HEAD: usize = 16 * 1024;

/// How long a connection that is closed for another may take to send the rest of its answer.
const FLUSH_LIMIT: Duration = Duration::from_secs(1);

/// In bytes: what is read ahead of a slow request, and written ahead for a reader that stops, instead
/// of hyper's 400 kB. A thousand slow clients may hold 16 MB each way (ADR 33).
const MAX_AHEAD: usize = 16 * 1024;

/// What a connection is served with. Clones share its place.
#[derive(Clone)]
pub(super) struct Guest {
    pub(super) seat: Arc<Seat>,
    pub(super) routers: Arc<Routers>,
    pub(super) load: Load,
    pub(super) ending: Arc<Ending>,
}

/// Waits for the first byte of a connection. Until then it costs its socket and this future: hyper
/// takes another 10 KiB (ADR 33). False if it is to be closed.
pub(super) async fn speaks<L: Accept>(stream: &mut L::Io, guest: &Guest) -> bool {
    let Guest { seat, ending, .. } = guest;
    // Its second begins with hyper.
    if seat.is_last_file() {
        return true;
    }
    let mut silence = pin!(sleep(IDLE_LIMIT));
    select! {
        // Its first byte first: a request that has arrived keeps it open.
        biased;
        () = L::has_arrived(stream) => true,
        () = seat.is_needed() => {
            yield_now().await;
            let has_arrived = L::has_arrived(stream).now_or_never().is_some();
            if has_arrived {
                // A whole request keeps it open, and then another must go: `to_its_end` knows.
                seat.is_still_needed();
            }
            has_arrived || !seat.leaves()
        }
        () = seen(ending.stop.cancelled()) => !seat.leaves(),
        () = silence.as_mut() => false,
    }
}

pub(super) async fn serve_connection(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    guest: Guest,
) {
    let (unread, head) = (Unread::default(), Head::default());
    let stream = Lingering::new(Stalled::new(stream, READ_LIMIT), unread.clone());
    let stream = SlowHead::new(stream, Arc::clone(&guest.seat), head.clone());
    let is_short = guest.seat.is_last_file();
    if is_short {
        unread.hurry();
    }
    let asked = guest.clone();
    let answer = |request: Request<Incoming>| {
        head.complete();
        let unread = unread.clone();
        asked.clone().answer(request.map(|body| Body::new(RequestBody::new(body, unread))))
    };
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(if is_short { SHORT_IDLE_LIMIT } else { IDLE_LIMIT })
        .max_header_size(MAX_HEAD)
        .max_buf_size(MAX_AHEAD)
        .keep_alive(!is_short)
        .serve_connection(TokioIo::new(stream), service_fn(answer));
    if let Err(error) = to_its_end(pin!(connection), &guest, &unread).await {
        tracing::debug!(%error, "A connection broke off");
    }
}

/// Serves until the client leaves, another needs the connection's place, or the server ends.
async fn to_its_end<I, S>(
    mut connection: Pin<&mut http1::Connection<I, S>>,
    guest: &Guest,
    unread: &Unread,
) -> hyper::Result<()>
where
    I: hyper::rt::Read + hyper::rt::Write + Unpin,
    S: Service<Request<Incoming>, Response = Response<Body>, Error = Infallible>,
{
    let (seat, ending) = (&guest.seat, &guest.ending);
    let (mut is_shut, mut needed) = (false, pin!(seen(seat.is_needed())));
    let has_left = loop {
        select! {
            // The connection first: a request that has arrived keeps it open.
            biased;
            ended = connection.as_mut() => return ended,
            () = needed.as_mut() => {
                if seat.leaves() {
                    break true;
                }
                needed.set(seen(seat.is_needed()));
            }
            () = seen(ending.stop.cancelled()) => break seat.leaves(),
            () = ending.shut.cancelled(), if !is_shut => {
                is_shut = true;
                // An idle one stays open: the client may be sending on it right now (ADR 33).
                if seat.is_busy() {
                    connection.as_mut().graceful_shutdown();
                }
            }
        }
    };
    // No lingering: others need the place, or the process ends (ADR 19).
    unread.hurry();
    connection.as_mut().graceful_shutdown();
    if !has_left {
        return connection.await;
    }
    let limit = if seat.has_answered() { FLUSH_LIMIT } else { Duration::ZERO };
    timeout(limit, connection).await.unwrap_or(Ok(()))
}

/// Waits for a signal to close. After that it yields once, so that the network is checked: a request
/// that has arrived unseen keeps the connection open (ADR 19).
async fn seen(signal: impl Future<Output = ()>) {
    signal.await;
    yield_now().await;
}

impl Guest {
    async fn answer(self, request: Request<Body>) -> Result<Response<Body>, Infallible> {
        let Some(visit) = self.seat.begin() else {
            // The connection is about to be closed, and nothing of the request was begun. The
            // client sees a closed connection and may send it again.
            return std::future::pending().await;
        };
        let Routers { usual, full } = &*self.routers;
        let router = if visit.found_no_room() { full } else { usual };
        let busy = self.load.busy();
        let mut response = router.clone().oneshot(request).await?;
        if self.ending.last_answers.is_cancelled() {
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        Ok(response.map(|body| Body::new(ResponseBody { body, _visit: visit, _busy: busy })))
    }
}

/// The body of a response. The request holds its slot until this is dropped, not only until the
/// head was sent: a stream is a running request.
struct ResponseBody {
    body: Body,
    _visit: Visit,
    _busy: Busy,
}

impl HttpBody for ResponseBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
