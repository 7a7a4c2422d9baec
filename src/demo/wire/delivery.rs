//! One answer, planned to the byte, and how it is sent.

use std::collections::VecDeque;
use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use tokio::time::sleep;

use super::steps::{BodyStep, body, wait};
use super::way::{Way, Witness};

#[derive(Debug)]
pub(crate) struct Delivery {
    pub(crate) status: StatusCode,
    pub(crate) content_type: &'static str,
    pub(crate) headers: Vec<(&'static str, &'static str)>,
    pub(crate) head: Head,
    pub(crate) steps: VecDeque<BodyStep>,
}

/// When the head of the answer is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Head {
    /// After this pause, which may be zero.
    After(Duration),
    /// Never; the client waits.
    Never,
    /// Never; the connection is reset.
    Reset,
    /// Never; the connection is reset, and the port is closed for this time.
    Refuse(Duration),
}

pub(crate) const EVENT_STREAM: &str = "text/event-stream";
pub(crate) const JSON: &str = "application/json; charset=UTF-8";
pub(crate) const HTML: &str = "text/html; charset=UTF-8";

impl Delivery {
    pub(crate) fn whole(status: StatusCode, content_type: &'static str, body: String) -> Self {
        let steps = if body.is_empty() { vec![] } else { vec![BodyStep::Send(body.into())] };
        Self {
            status,
            content_type,
            headers: vec![],
            head: Head::After(Duration::ZERO),
            steps: steps.into(),
        }
    }

    pub(crate) fn stream(steps: VecDeque<BodyStep>) -> Self {
        Self { steps, ..Self::whole(StatusCode::OK, EVENT_STREAM, String::new()) }
    }

    /// The same, with its head delayed.
    pub(crate) fn after(self, pause: Duration) -> Self {
        Self { head: Head::After(pause), ..self }
    }

    /// Sends the answer. Dropped by axum when the client leaves.
    pub(crate) async fn send<W: Witness>(self, way: Way<W>) -> Response {
        match self.head {
            Head::After(pause) if pause.is_zero() => {}
            Head::After(pause) => wait(&way, sleep(pause)).await,
            Head::Never => wait(&way, std::future::pending()).await,
            Head::Reset => return broken(way),
            Head::Refuse(pause) => {
                if let Some(connection) = &way.connection {
                    connection.close_door(pause).await;
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

#[derive(Default)]
struct Parts {
    status: StatusCode,
    content_type: &'static str,
    headers: Vec<(&'static str, &'static str)>,
}

fn broken<W: Witness>(way: Way<W>) -> Response {
    response(Parts::default(), way, [BodyStep::Reset].into())
}

fn response<W: Witness>(parts: Parts, way: Way<W>, steps: VecDeque<BodyStep>) -> Response {
    way.witness.began(parts.status);
    if steps.front() == Some(&BodyStep::Reset) {
        way.reset();
    }
    let mut response = Response::new(Body::from_stream(body(way, steps)));
    *response.status_mut() = parts.status;
    // The headers that Google's front end sends.
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
