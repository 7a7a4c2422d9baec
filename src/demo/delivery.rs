//! What goes over the wire and when: steps, and the body that takes them.

use std::collections::VecDeque;
use std::io::{Error, ErrorKind, Result};
use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use bytes::Bytes;
use futures::Stream;
use futures::stream::unfold;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::line::Line;
use super::log::{End, Watch};

/// One answer, planned to the byte.
#[derive(Debug)]
pub(super) struct Delivery {
    pub(super) status: StatusCode,
    pub(super) content_type: &'static str,
    pub(super) headers: Vec<(&'static str, &'static str)>,
    pub(super) head: Head,
    pub(super) steps: VecDeque<Step>,
}

/// When the head of the answer goes out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Head {
    /// After this pause, which may be none.
    After(Duration),
    /// Never; the client waits.
    Never,
    /// Never; the connection is reset.
    Reset,
}

/// One thing done to the body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Send(Bytes),
    Wait(Duration),
    /// Silence, with the connection open.
    Hang,
    /// The connection is reset.
    Reset,
}

/// The way to one client.
#[derive(Debug)]
pub(super) struct Way {
    /// Its connection, where there is a real one.
    pub(super) line: Option<Line>,
    /// The end of the server.
    pub(super) stop: CancellationToken,
    /// The log entry, where there is a log.
    pub(super) watch: Option<Watch>,
}

pub(super) const EVENT_STREAM: &str = "text/event-stream";
pub(super) const JSON: &str = "application/json; charset=UTF-8";
pub(super) const HTML: &str = "text/html; charset=UTF-8";

impl Delivery {
    /// A body in one piece.
    pub(super) fn whole(status: StatusCode, content_type: &'static str, body: String) -> Self {
        let steps = if body.is_empty() { vec![] } else { vec![Step::Send(body.into())] };
        Self {
            status,
            content_type,
            headers: vec![],
            head: Head::After(Duration::ZERO),
            steps: steps.into(),
        }
    }

    /// A stream of events.
    pub(super) fn stream(steps: VecDeque<Step>) -> Self {
        Self { steps, ..Self::whole(StatusCode::OK, EVENT_STREAM, String::new()) }
    }

    /// The same, with its head held back.
    pub(super) fn after(self, pause: Duration) -> Self {
        Self { head: Head::After(pause), ..self }
    }

    /// Delivers; cancelled when the client leaves.
    pub(super) async fn send(self, way: Way) -> Response {
        match self.head {
            Head::After(pause) if pause.is_zero() => {}
            Head::After(pause) => wait(&way, sleep(pause)).await,
            Head::Never => wait(&way, std::future::pending()).await,
            Head::Reset => return broken(way),
        }
        if way.stop.is_cancelled() {
            return broken(way);
        }
        let parts =
            Parts { status: self.status, content_type: self.content_type, headers: self.headers };
        response(parts, way, self.steps)
    }
}

impl Way {
    fn sent(&self, bytes: usize) {
        if let Some(watch) = &self.watch {
            watch.sent(bytes);
        }
    }

    fn end(&self, end: End) {
        if let Some(watch) = &self.watch {
            watch.end(end);
        }
    }

    fn reset(&self) -> Error {
        self.end(End::ServerCut);
        if let Some(line) = &self.line {
            line.cut();
        }
        Error::from(ErrorKind::ConnectionReset)
    }
}

#[derive(Default)]
struct Parts {
    status: StatusCode,
    content_type: &'static str,
    headers: Vec<(&'static str, &'static str)>,
}

fn broken(way: Way) -> Response {
    response(Parts::default(), way, [Step::Reset].into())
}

fn response(parts: Parts, way: Way, steps: VecDeque<Step>) -> Response {
    if let Some(watch) = &way.watch {
        watch.began(parts.status);
    }
    if steps.front() == Some(&Step::Reset) {
        way.reset();
    }
    let mut response = Response::new(Body::from_stream(body(way, steps)));
    *response.status_mut() = parts.status;
    let fixed = [
        ("content-type", parts.content_type),
        ("server", "ESF"),
        ("vary", "Origin, X-Origin, Referer"),
    ];
    for (name, value) in fixed.into_iter().chain(parts.headers) {
        response.headers_mut().append(name, HeaderValue::from_static(value));
    }
    if parts.content_type == EVENT_STREAM {
        let no_store = HeaderValue::from_static("no-store");
        response.headers_mut().insert(header::CACHE_CONTROL, no_store);
    }
    response
}

fn body(way: Way, steps: VecDeque<Step>) -> impl Stream<Item = Result<Bytes>> + Send {
    unfold((way, steps), async |(way, mut steps)| {
        let item = next(&way, &mut steps).await?;
        Some((item, (way, steps)))
    })
}

/// Takes steps until there is something to send; yields before each, so that what went before
/// is flushed on its own.
async fn next(way: &Way, steps: &mut VecDeque<Step>) -> Option<Result<Bytes>> {
    while let Some(step) = steps.pop_front() {
        tokio::task::yield_now().await;
        match step {
            _ if way.stop.is_cancelled() => return Some(Err(way.reset())),
            Step::Send(bytes) => {
                way.sent(bytes.len());
                return Some(Ok(bytes));
            }
            Step::Wait(pause) => wait(way, sleep(pause)).await,
            Step::Hang => wait(way, std::future::pending()).await,
            Step::Reset => return Some(Err(way.reset())),
        }
    }
    if way.stop.is_cancelled() {
        return Some(Err(way.reset()));
    }
    way.end(End::Complete);
    None
}

/// Waits, but no longer than the server lives.
async fn wait(way: &Way, what: impl Future<Output = ()>) {
    way.stop.run_until_cancelled(what).await;
}
