//! An HTTP client whose streams of events are counted and limited, event by event (ADR 39).

use std::collections::HashMap;
use std::sync::Arc;

use futures::StreamExt;
use http::{HeaderName, HeaderValue};
use rmcp::model::ClientJsonRpcMessage;
use rmcp::transport::common::client_side_sse::BoxedSseResponse;
use rmcp::transport::streamable_http_client::{
    StreamableHttpClient, StreamableHttpError, StreamableHttpPostResponse,
};

use super::meter::Meter;
use super::outline::Outline;
use super::tool_list::mended;

/// In milliseconds: a server that asks for shorter pauses would be asked without end.
const MIN_PAUSE: u64 = 500;

type Headers = HashMap<HeaderName, HeaderValue>;
type Answer<T, C> = Result<T, StreamableHttpError<<C as StreamableHttpClient>::Error>>;

#[derive(Clone, Debug)]
pub(crate) struct MeteredClient<C> {
    inner: C,
    meter: Arc<Meter>,
}

impl<C> MeteredClient<C> {
    pub(crate) const fn new(inner: C, meter: Arc<Meter>) -> Self {
        Self { inner, meter }
    }

    fn metered(&self, events: BoxedSseResponse) -> BoxedSseResponse {
        let (meter, over) = (Arc::clone(&self.meter), self.meter.until_flooded());
        let counted = events.map(move |event| {
            event.map(|mut event| {
                event.retry = event.retry.map(|pause| pause.max(MIN_PAUSE));
                event.data = event.data.and_then(|data| counted(data, &meter));
                event
            })
        });
        counted.take_until(over).boxed()
    }

    fn metered_answer(&self, answer: StreamableHttpPostResponse) -> StreamableHttpPostResponse {
        match answer {
            StreamableHttpPostResponse::Sse(events, session) => {
                StreamableHttpPostResponse::Sse(self.metered(events), session)
            }
            other @ (StreamableHttpPostResponse::Accepted
            | StreamableHttpPostResponse::Json(..)
            | _) => other,
        }
    }
}

/// The data of an event, or what is read in its place. Events without data keep a stream alive.
fn counted(data: String, meter: &Meter) -> Option<String> {
    if data.is_empty() {
        return Some(data);
    }
    let outline = Outline::of(data.as_bytes());
    meter.came(outline.answers().as_ref(), outline.bytes());
    if outline.is_too_large() {
        return serde_json::to_string(&outline.too_large()?).ok();
    }
    Some(mended(data.as_bytes(), &outline).unwrap_or(data))
}

impl<C: StreamableHttpClient + Sync> StreamableHttpClient for MeteredClient<C> {
    type Error = C::Error;

    async fn post_message(
        &self,
        uri: Arc<str>,
        message: ClientJsonRpcMessage,
        session: Option<Arc<str>>,
        token: Option<String>,
        headers: Headers,
    ) -> Answer<StreamableHttpPostResponse, C> {
        let answer = self.inner.post_message(uri, message, session, token, headers).await;
        answer.map(|answer| self.metered_answer(answer))
    }

    async fn delete_session(
        &self,
        uri: Arc<str>,
        session: Arc<str>,
        token: Option<String>,
        headers: Headers,
    ) -> Answer<(), C> {
        self.inner.delete_session(uri, session, token, headers).await
    }

    async fn get_stream(
        &self,
        uri: Arc<str>,
        session: Option<Arc<str>>,
        last_event: Option<String>,
        token: Option<String>,
        headers: Headers,
    ) -> Answer<BoxedSseResponse, C> {
        let events = self.inner.get_stream(uri, session, last_event, token, headers).await;
        events.map(|events| self.metered(events))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_read_as_it_is_unless_it_is_too_large_or_lists_what_cannot_be_read() {
        let meter = Meter::default();
        let read = |data: &str| counted(data.to_owned(), &meter);
        for data in ["", "Welcome!", r#"{"id":7,"result":{"tools":[]}}"#] {
            assert_eq!(read(data).as_deref(), Some(data));
        }
        let crooked = read(r#"{"id":7,"result":{"tools":[{"name":"crooked"}]}}"#).unwrap();
        assert!(crooked.contains("unreadable") && crooked.contains("crooked"), "{crooked}");
        let large = format!(r#"{{"id":7,"result":[{}1]}}"#, "1,".repeat(50_000));
        assert!(read(&large).unwrap().contains("50,000 parts"));
        assert_eq!(read(&large.replace("result", "params")), None);
    }
}
