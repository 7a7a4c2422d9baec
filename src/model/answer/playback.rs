//! Reads an answer that is already here, the way an answer from the network is read.
//!
//! The same events, decoder and judgement; only the sending is left out. A recording can be looked
//! into with it, and whatever bytes there are can be thrown at the reading.

use std::convert::Infallible;
use std::time::Duration;

use bytes::Bytes;
use futures::stream::iter;
use reqwest::header::{CONTENT_TYPE, HeaderValue};
use reqwest::{Body, Response};
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::stream::Reading;
use crate::agents::{AgentEvent, Delta, Deltas, ModelError};
use crate::domain::{Reply, Usage};
use crate::model::cost::bill::Bill;
use crate::model::transport::opened;
use crate::model::watch::warnings::Warnings;
use crate::resilience::{Breaker, BreakerSettings, Patience};

/// A recording is never late.
const PATIENCE: Duration = Duration::from_hours(1);
/// Pieces of text on their way to whoever listens.
const AHEAD: usize = 64;

/// What was heard of one answer.
#[derive(Debug)]
pub struct Played {
    /// Every piece, in order.
    pub said: Vec<Delta>,
    /// The tokens that it tells of.
    pub usage: Usage,
    /// The whole reply, or why there is none.
    pub result: Result<Reply, ModelError>,
}

/// Reads the body of a 200 that came in these pieces.
pub async fn play(content_type: &str, pieces: Vec<Bytes>) -> Played {
    let (events, mut heard) = mpsc::channel(AHEAD);
    let reading = async {
        let deltas = Deltas::new(events);
        let result = read(answer(content_type, pieces), &deltas).await;
        (result, deltas.spent().usage)
    };
    let listening = async {
        let mut said = Vec::new();
        while let Some(event) = heard.recv().await {
            if let AgentEvent::Said(delta) = event {
                said.push(delta);
            }
        }
        said
    };
    let ((result, usage), said) = tokio::join!(reading, listening);
    Played { said, usage, result }
}

async fn read(response: Response, deltas: &Deltas) -> Result<Reply, ModelError> {
    let breaker = BreakerSettings { max_failures: 1, cool_down: PATIENCE };
    let unavailable = |retry_in| ModelError::Unavailable {
        reason: "its breaker is open".to_owned(),
        retry_in: Some(retry_in),
    };
    let mut permit = Breaker::new("playback", breaker).admit().map_err(unavailable)?;
    let opened = opened(response).await.map_err(|failure| failure.error)?;
    let (bill, warnings) = (Bill::new(deltas, None), Warnings::of(""));
    let patience = Patience::new(Instant::now() + PATIENCE, PATIENCE);
    let reading = Reading::new(deltas, bill, &warnings, &mut permit, patience);
    reading.read(opened).await.map_err(|failure| failure.error)
}

/// A 200 of this type, in these pieces.
fn answer(content_type: &str, pieces: Vec<Bytes>) -> Response {
    let pieces = iter(pieces.into_iter().map(Ok::<_, Infallible>));
    let mut response = http::Response::new(Body::wrap_stream(pieces));
    let content_type = HeaderValue::from_str(content_type).ok();
    response.headers_mut().extend(content_type.map(|kind| (CONTENT_TYPE, kind)));
    response.into()
}
