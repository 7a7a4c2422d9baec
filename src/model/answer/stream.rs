//! Reads one answer to its end, with a limit on silence, and passes text on as it arrives.

use std::pin::pin;
use std::time::Duration;

use bytes::Bytes;
use futures::FutureExt;
use tokio::select;
use tokio::task::coop::consume_budget;
use tokio::time::timeout;

use super::chunk::Chunk;
use super::decoder::{Decoder, StreamEnd};
use super::events::{Events, SseEvent};
use crate::connection::response::ProviderResponse;
use crate::cost::bill::Bill;
use crate::fault::failure::Failure;
use crate::fault::provider_refusal::ProviderRefusal;
use crate::transport::OpenedAnswer;
use crate::watch::warnings::Warnings;
use base::agents::{Delta, Deltas, ModelError};
use base::domain::Reply;
use base::resilience::{Patience, Permit};

// Far above the 1 MiB of text, because each word comes in a frame of JSON.
const MAX_BODY_BYTES: usize = 16 * 1024 * 1024;
/// How long counters and `[DONE]` may take after a finish reason. Some servers omit them, and the
/// user waits meanwhile for a reply that is complete.
const FAREWELL: Duration = Duration::from_secs(2);
/// How long to wait for the end of the body after `[DONE]`, to keep the connection for reuse.
const CLOSING_GRACE: Duration = Duration::from_millis(20);

pub(crate) struct Reading<'a> {
    deltas: &'a Deltas,
    /// Reported on drop, whatever happens to this reading.
    bill: Bill<'a>,
    /// Closes a half-open breaker at the first event (ADR 3).
    permit: &'a mut Permit,
    patience: Patience,
    warnings: &'a Warnings,
    is_named: bool,
    decoder: Decoder,
    read_so_far: ReadSoFar,
    out: Vec<Delta>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum ReadSoFar {
    Nothing,
    Events,
    /// Text was shown, so no other attempt may be made (ADR 15).
    Text,
}

impl<'a> Reading<'a> {
    pub(crate) fn new(
        deltas: &'a Deltas,
        bill: Bill<'a>,
        warnings: &'a Warnings,
        permit: &'a mut Permit,
        patience: Patience,
    ) -> Self {
        Self {
            deltas,
            bill,
            warnings,
            permit,
            patience,
            is_named: false,
            decoder: Decoder::default(),
            read_so_far: ReadSoFar::Nothing,
            out: Vec::new(),
        }
    }

    pub(crate) async fn read(mut self, opened: OpenedAnswer) -> Result<Reply, Failure> {
        let result = match opened {
            OpenedAnswer::Stream(answer) => self.read_stream(answer).await,
            OpenedAnswer::Whole(value) => self.take(value.into()).map(|()| StreamEnd::Done),
        };
        let result = match result {
            Ok(ending) => self.end(ending),
            Err(failure) => Err(failure),
        };
        let was_read = self.read_so_far == ReadSoFar::Text;
        result.map_err(|failure| if was_read { failure.finally() } else { failure })
    }

    async fn read_stream(&mut self, mut answer: ProviderResponse) -> Result<StreamEnd, Failure> {
        let (mut events, mut total) = (Events::default(), 0);
        loop {
            let piece = select! {
                // Data first: what has arrived must not be lost to a timer of the same moment.
                biased;
                piece = answer.piece() => piece,
                () = &mut self.patience => return self.silence(),
            };
            let Ok(piece) = piece else { return self.broken(&events) };
            // One read may bring thousands of pieces without an event. The poll must still yield,
            // since other turns of this core wait (ADR 25).
            consume_budget().await;
            let is_over = piece.is_none();
            total += piece.as_ref().map_or(0, Bytes::len);
            events.take(piece);
            if total > MAX_BODY_BYTES {
                return Err(too_large());
            }
            while let Some(event) = events.next() {
                // A piece may contain thousands of events (ADR 25).
                consume_budget().await;
                match event {
                    SseEvent::Data(data) => self.take_event(data)?,
                    SseEvent::Done => return Ok(closed(answer).await),
                    SseEvent::TooLong => return Err(too_large()),
                }
            }
            if is_over {
                return self.broken(&events);
            }
            // Gateways send comments while a model thinks. The turn's deadline still applies.
            if events.take_comment() {
                self.patience.prolong();
            }
        }
    }

    fn take_event(&mut self, data: &[u8]) -> Result<(), Failure> {
        let chunk = Chunk::read(data).map_err(|_| Failure::cut())?;
        self.take(chunk)?;
        if self.decoder.is_finished() {
            self.patience.expect_end(FAREWELL);
        }
        self.patience.renew();
        Ok(())
    }

    fn take(&mut self, chunk: Chunk<'_>) -> Result<(), Failure> {
        self.note_model(&chunk);
        let is_refusal = chunk.refused().is_some();
        let result = self.decoder.push(chunk, &mut self.out);
        if result.is_ok() {
            // Only after a chunk that is no error: an error with status 200 is no sign of health.
            self.permit.answered();
            self.read_so_far = self.read_so_far.max(ReadSoFar::Events);
        }
        match self.decoder.usage() {
            None if is_refusal => self.refused(),
            usage => self.bill.note(usage, self.decoder.arrived()),
        }
        self.say();
        result
    }

    /// An end without `[DONE]`: a bare error object in the body explains it, otherwise it is a cut.
    fn broken(&mut self, events: &Events) -> Result<StreamEnd, Failure> {
        let stray = serde_json::from_slice(events.stray()).ok();
        match stray.as_ref().and_then(ProviderRefusal::in_stream) {
            Some(refused) => {
                self.refused();
                Err(refused.failure())
            }
            None => Ok(StreamEnd::Cut),
        }
    }

    /// A refusal instead of an answer costs nothing; after a part of one the cost is unknown.
    fn refused(&mut self) {
        if self.read_so_far == ReadSoFar::Nothing {
            self.bill.cancel();
        }
    }

    /// Reports the first model name of the answer.
    fn note_model(&mut self, chunk: &Chunk<'_>) {
        if !self.is_named
            && let Some(name) = chunk.model().filter(|name| !name.is_empty())
        {
            self.is_named = true;
            self.warnings.answered_by(name);
        }
    }

    fn end(&mut self, ending: StreamEnd) -> Result<Reply, Failure> {
        let result = std::mem::take(&mut self.decoder).finish(ending, &mut self.out);
        self.say();
        result
    }

    fn say(&mut self) {
        for delta in self.out.drain(..) {
            if matches!(delta, Delta::Text(_)) {
                self.read_so_far = ReadSoFar::Text;
            }
            self.deltas.say(delta);
        }
    }

    /// What a long silence means. After a finish reason nothing is missing.
    fn silence(&self) -> Result<StreamEnd, Failure> {
        match self.read_so_far {
            _ if self.decoder.is_finished() => Ok(StreamEnd::Done),
            ReadSoFar::Nothing => Err(Failure::silent("no answer began")),
            ReadSoFar::Events | ReadSoFar::Text => Err(Failure::silent("it fell silent")),
        }
    }
}

/// Waits briefly for the end of the body: only then can the connection be reused (ADR 26).
async fn closed(mut answer: ProviderResponse) -> StreamEnd {
    let mut end = pin!(answer.piece());
    // Usually the end came with the last event. Setting a timer that fires before all others
    // would wake the runtime (ADR 25).
    if end.as_mut().now_or_never().is_none() {
        drop(timeout(CLOSING_GRACE, end).await);
    }
    StreamEnd::Done
}

fn too_large() -> Failure {
    Failure::ill(ModelError::Failed("the reply is too large".to_owned()))
}

#[cfg(test)]
mod tests {
    use futures::{StreamExt, stream};
    use http_body_util::StreamBody;
    use hyper::body::Frame;
    use tokio::time::{Instant, sleep};

    use super::*;
    use base::resilience::{Breaker, BreakerSettings};

    const SECOND: Duration = Duration::from_secs(1);
    const PING: &str = ": PROCESSING\n\n";
    const WORDS: &str = "data: {\"choices\":[{\"delta\":{\"content\":\"Hi\"}}]}\n\n";

    #[tokio::test(start_paused = true)]
    async fn comments_are_signs_of_life_before_the_first_event_and_after_it() {
        let pings = [PING; 10];
        let silent_first = [&pings[..], &[WORDS], &pings, &["data: [DONE]\n\n"]].concat();

        assert!(read(&silent_first, 25 * SECOND, 12 * SECOND).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn a_comment_does_not_shorten_what_was_granted_and_ends_in_silence() {
        let last = [PING, WORDS, "data: [DONE]\n\n"];
        assert!(read(&last, 25 * SECOND, SECOND).await.is_err(), "nine seconds between two events");

        let began = Instant::now();
        let failure = read(&[PING], 25 * SECOND, 12 * SECOND).await.unwrap_err();

        assert_eq!(failure.error, ModelError::TimedOut("no answer began"));
        assert_eq!(began.elapsed(), 35 * SECOND, "25 after the comment");
    }

    #[tokio::test(start_paused = true)]
    async fn silence_after_a_finish_reason_is_the_end_of_a_whole_reply() {
        let finished = "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n";
        let began = Instant::now();

        let reply = read(&[WORDS, finished], 25 * SECOND, 12 * SECOND).await.unwrap();

        assert_eq!(reply.message.text, "Hi");
        assert_eq!(began.elapsed(), 22 * SECOND, "nobody waits long for a farewell");
    }

    /// Sends one piece every ten seconds, then nothing.
    async fn read(
        pieces: &[&'static str],
        first: Duration,
        silence: Duration,
    ) -> Result<Reply, Failure> {
        let paced = stream::iter(pieces.to_vec()).then(async |piece| {
            sleep(10 * SECOND).await;
            Ok(Frame::data(Bytes::from_static(piece.as_bytes())))
        });
        let body = StreamBody::new(paced.chain(stream::pending()));
        let answer = ProviderResponse::new(http::Response::new(body));
        let breaker = BreakerSettings { max_failures: 1, cool_down: SECOND };
        let mut permit = Breaker::new("test", breaker).admit().unwrap();
        let (deltas, warnings) = (Deltas::unheard(), Warnings::of(""));
        let patience = Patience::new(Instant::now() + first, silence);
        let bill = Bill::new(&deltas, "", None);
        let reading = Reading::new(&deltas, bill, &warnings, &mut permit, patience);
        reading.read(OpenedAnswer::Stream(answer)).await
    }
}
