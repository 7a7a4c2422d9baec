//! Reads an answer that is already here, the way an answer from the network is read.
//!
//! The same tap, stream, decoder and judgement; only the sending is left out. A recording can be
//! looked into with it, and whatever bytes there are can be thrown at the reading.

use std::convert::Infallible;
use std::time::Duration;

use async_openai::error::OpenAIError;
use async_openai::middleware::HttpRequestFactory;
use bytes::Bytes;
use futures::stream::iter;
use reqwest::header::CONTENT_TYPE;
use reqwest::{Body as HttpBody, Response};
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::bill::Bill;
use super::body::{Body, Recipient};
use super::endpoint::Endpoint;
use super::offer::Offer;
use super::patience::Patience;
use super::settings::{Settings, SettingsError};
use super::stream::Reading;
use super::transport::Transport;
use super::warnings::Warnings;
use crate::agents::{AgentEvent, Delta, Deltas, ModelError, ModelRequest};
use crate::domain::{Reply, Usage};
use crate::resilience::Breaker;

/// A recording is never late.
const PATIENCE: Duration = Duration::from_hours(1);
/// Pieces of text on their way to whoever listens.
const AHEAD: usize = 64;

/// A reader of recorded answers.
pub struct Playback {
    transport: Transport,
    settings: Settings,
}

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

impl Playback {
    /// A reader that reads like a model of these settings; nothing is ever sent.
    pub fn new(settings: Settings) -> Result<Self, SettingsError> {
        Ok(Self { transport: Transport::new(Endpoint::new(&settings)?)?, settings })
    }

    /// Reads the body of a 200 that came in these pieces.
    pub async fn play(&self, content_type: &str, pieces: Vec<Bytes>) -> Played {
        let (events, mut heard) = mpsc::channel(AHEAD);
        let reading = async {
            let deltas = Deltas::new(events);
            let result = self.read(content_type, pieces, &deltas).await;
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

    async fn read(
        &self,
        content_type: &str,
        pieces: Vec<Bytes>,
        deltas: &Deltas,
    ) -> Result<Reply, ModelError> {
        let breaker = Breaker::new("playback", self.settings.guard.breaker);
        let until = Instant::now() + PATIENCE;
        let unavailable = |retry_in| ModelError::Unavailable {
            reason: "its breaker is open".to_owned(),
            retry_in: Some(retry_in),
        };
        let mut permit = breaker.admit().map_err(unavailable)?;
        let Settings { model, dialect, .. } = &self.settings;
        let offer = Offer::of(&[]);
        let request =
            ModelRequest { model: None, system: "", messages: &[], tools: &[], deadline: until };
        let recipient = Recipient { model, name: None, dialect: *dialect };
        let body = Body::new(recipient, &request, &offer);
        let answer = answering(content_type.to_owned(), pieces);
        let opened =
            self.transport.open_by(&body, answer).await.map_err(|failure| failure.error)?;
        let (bill, warnings) = (Bill::new(deltas, None), Warnings::of(model));
        let patience = Patience::new(until, PATIENCE);
        let reading = Reading::new(deltas, bill, &warnings, &mut permit, patience);
        reading.read(opened).await.map_err(|failure| failure.error)
    }
}

/// Answers every request with these bytes.
fn answering(
    content_type: String,
    pieces: Vec<Bytes>,
) -> impl Fn(HttpRequestFactory) -> std::future::Ready<Result<Response, OpenAIError>> + Clone {
    move |_request| {
        let pieces = pieces.clone().into_iter().map(Ok::<_, Infallible>);
        let response = http::Response::builder().header(CONTENT_TYPE, content_type.as_str());
        let response = response.body(HttpBody::wrap_stream(iter(pieces)));
        let unusable = |error| OpenAIError::Boxed(Box::new(error));
        std::future::ready(response.map(Response::from).map_err(unusable))
    }
}
