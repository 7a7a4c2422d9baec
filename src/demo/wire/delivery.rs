//! One answer, planned to the byte, and its way to the client.

use std::collections::VecDeque;
use std::io::{Error, ErrorKind};
use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use bytes::Bytes;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::line::Line;
use super::steps::{body, wait};

/// One answer, planned to the byte.
#[derive(Debug)]
pub(in crate::demo) struct Delivery {
    pub(in crate::demo) status: StatusCode,
    pub(in crate::demo) content_type: &'static str,
    pub(in crate::demo) headers: Vec<(&'static str, &'static str)>,
    pub(in crate::demo) head: Head,
    pub(in crate::demo) steps: VecDeque<Step>,
}

/// When the head of the answer goes out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::demo) enum Head {
    /// After this pause, which may be none.
    After(Duration),
    /// Never; the client waits.
    Never,
    /// Never; the connection is reset.
    Reset,
    /// Never; the connection is reset, and for so long there is nobody to connect to.
    Refuse(Duration),
}

/// One thing done to the body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::demo) enum Step {
    Send(Bytes),
    /// The same bytes again and again, made once: so many events each time, so many times.
    Flood(Bytes, usize, usize),
    Wait(Duration),
    /// Silence, with the connection open.
    Hang,
    /// The connection is reset.
    Reset,
}

/// Sees how an answer goes out.
pub(in crate::demo) trait Witness: Send + Sync + 'static {
    /// Notes the head of the answer.
    fn began(&self, status: StatusCode);
    /// Notes a piece of the answer, of so many events.
    fn sent(&self, bytes: usize, events: usize);
    /// Notes how it ended; the first word counts.
    fn end(&self, end: End);
}

/// How an answer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::demo) enum End {
    /// Every byte went out.
    Complete,
    /// The client left first.
    ClientClosed,
    /// The scenario, or the end of the server, broke it off.
    ServerCut,
}

/// Nobody looks.
#[derive(Clone, Copy, Debug)]
pub(in crate::demo) struct Unseen;

/// The way to one client.
#[derive(Debug)]
pub(in crate::demo) struct Way<W> {
    /// Its connection, where there is a real one.
    pub(in crate::demo) line: Option<Line>,
    /// The end of the server.
    pub(in crate::demo) stop: CancellationToken,
    /// Who looks on.
    pub(in crate::demo) witness: W,
}

pub(in crate::demo) const EVENT_STREAM: &str = "text/event-stream";
pub(in crate::demo) const JSON: &str = "application/json; charset=UTF-8";
pub(in crate::demo) const HTML: &str = "text/html; charset=UTF-8";

impl Delivery {
    /// A body in one piece.
    pub(in crate::demo) fn whole(
        status: StatusCode,
        content_type: &'static str,
        body: String,
    ) -> Self {
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
    pub(in crate::demo) fn stream(steps: VecDeque<Step>) -> Self {
        Self { steps, ..Self::whole(StatusCode::OK, EVENT_STREAM, String::new()) }
    }

    /// The same, with its head held back.
    pub(in crate::demo) fn after(self, pause: Duration) -> Self {
        Self { head: Head::After(pause), ..self }
    }

    /// Delivers; cancelled when the client leaves.
    pub(in crate::demo) async fn send<W: Witness>(self, way: Way<W>) -> Response {
        match self.head {
            Head::After(pause) if pause.is_zero() => {}
            Head::After(pause) => wait(&way, sleep(pause)).await,
            Head::Never => wait(&way, std::future::pending()).await,
            Head::Reset => return broken(way),
            Head::Refuse(pause) => {
                if let Some(line) = &way.line {
                    line.close_door(pause).await;
                }
                return broken(way);
            }
        }
        if way.stop.is_cancelled() {
            return broken(way);
        }
        let parts =
            Parts { status: self.status, content_type: self.content_type, headers: self.headers };
        response(parts, way, self.steps)
    }
}

impl Witness for Unseen {
    fn began(&self, _: StatusCode) {}
    fn sent(&self, _: usize, _: usize) {}
    fn end(&self, _: End) {}
}

impl Way<Unseen> {
    /// To a client whose connection is never cut.
    pub(in crate::demo) fn unseen() -> Self {
        Self { line: None, stop: CancellationToken::new(), witness: Unseen }
    }
}

impl<W: Witness> Way<W> {
    pub(super) fn reset(&self) -> Error {
        self.witness.end(End::ServerCut);
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

fn broken<W: Witness>(way: Way<W>) -> Response {
    response(Parts::default(), way, [Step::Reset].into())
}

fn response<W: Witness>(parts: Parts, way: Way<W>, steps: VecDeque<Step>) -> Response {
    way.witness.began(parts.status);
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
