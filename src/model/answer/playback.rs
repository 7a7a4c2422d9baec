//! Reads a recorded answer in the same way as one from the network.
//!
//! Same events, decoder and judgement; only sending is left out. For looking into recordings, and
//! for the fuzzer.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures::FutureExt;
use futures::future::{BoxFuture, ready};
use futures::stream::iter;
use http::HeaderValue;
use http::header::CONTENT_TYPE;
use http_body_util::StreamBody;
use hyper::body::Frame;
use tokio::time::Instant;

use super::stream::Reading;
use crate::connection::response::ProviderResponse;
use crate::cost::bill::Bill;
use crate::transport::opened;
use crate::watch::warnings::Warnings;
use base::agents::{AgentEvent, Delta, Deltas, Listener, ModelError};
use base::domain::{Reply, Usage};
use base::resilience::{Breaker, BreakerSettings, Patience};

/// Long enough to never matter: a recording is never late.
const PATIENCE: Duration = Duration::from_hours(1);

#[derive(Debug)]
pub struct Played {
    pub said: Vec<Delta>,
    pub usage: Usage,
    pub result: Result<Reply, ModelError>,
}

/// Reads these pieces as the body of a 200.
pub async fn play(content_type: &str, pieces: Vec<Bytes>) -> Played {
    let heard = Arc::new(CollectedDeltas::default());
    let deltas = Deltas::new(Arc::clone(&heard) as _);
    let result = read(answer(content_type, pieces), &deltas).await;
    let usage = deltas.spent().total().usage;
    let said = std::mem::take(&mut *heard.0.lock().unwrap_or_else(PoisonError::into_inner));
    Played { said, usage, result }
}

#[derive(Default)]
struct CollectedDeltas(Mutex<Vec<Delta>>);

impl Listener for CollectedDeltas {
    fn on(&self, event: AgentEvent) {
        if let AgentEvent::Said(delta) = event {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).push(delta);
        }
    }

    fn settled(&self) -> BoxFuture<'_, ()> {
        ready(()).boxed()
    }
}

async fn read(answer: ProviderResponse, deltas: &Deltas) -> Result<Reply, ModelError> {
    let breaker = BreakerSettings { max_failures: 1, cool_down: PATIENCE };
    let unavailable = |retry_in| ModelError::Unavailable {
        reason: "its breaker is open".to_owned(),
        retry_in: Some(retry_in),
    };
    let mut permit = Breaker::new("playback", breaker).admit().map_err(unavailable)?;
    let (mut bill, warnings) = (Bill::new(deltas, "", None), Warnings::of(""));
    let opened = opened(answer, &mut bill).await.map_err(|failure| failure.error)?;
    let patience = Patience::new(Instant::now() + PATIENCE, PATIENCE);
    let reading = Reading::new(deltas, bill, &warnings, &mut permit, patience);
    reading.read(opened).await.map_err(|failure| failure.error)
}

fn answer(content_type: &str, pieces: Vec<Bytes>) -> ProviderResponse {
    let pieces = iter(pieces.into_iter().map(|piece| Ok(Frame::data(piece))));
    let mut response = http::Response::new(StreamBody::new(pieces));
    let content_type = HeaderValue::from_str(content_type).ok();
    response.headers_mut().extend(content_type.map(|kind| (CONTENT_TYPE, kind)));
    ProviderResponse::new(response)
}
