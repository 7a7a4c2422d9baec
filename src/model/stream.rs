//! Reads one answer to its end: patience between chunks, words handed on as they come.

use std::future::poll_fn;
use std::sync::Arc;

use async_openai::error::OpenAIError;
use async_openai::types::stream::StreamResponse;
use futures::StreamExt;
use tokio::select;

use super::bill::Bill;
use super::chunk::Chunk;
use super::decoder::{Decoder, Ending};
use super::failure::Failure;
use super::patience::Patience;
use super::refused::Refused;
use super::tap::Notes;
use super::transport::Opened;
use super::warnings::Warnings;
use crate::agents::{Delta, Deltas, ModelError};
use crate::domain::Reply;
use crate::resilience::Permit;

/// One answer being read.
pub(super) struct Reading<'a> {
    /// Where the words go.
    deltas: &'a Deltas,
    /// Who pays.
    bill: Bill<'a>,
    /// Hears that the provider began to answer.
    permit: &'a mut Permit,
    patience: Patience,
    warnings: &'a Warnings,
    is_named: bool,
    decoder: Decoder,
    heard: Heard,
    out: Vec<Delta>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Heard {
    Nothing,
    Events,
    /// The person has read some of it, so no other attempt may be made.
    Text,
}

impl<'a> Reading<'a> {
    /// Nothing was read yet.
    pub(super) fn new(
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
            heard: Heard::Nothing,
            out: Vec::new(),
        }
    }

    /// Reads to the end.
    pub(super) async fn read(mut self, opened: Opened) -> Result<Reply, Failure> {
        let result = match opened {
            Opened::Stream(stream, notes) => self.read_stream(stream, &notes).await,
            Opened::Whole(value) => self.take(value.into()).await.map(|()| Ending::Done),
        };
        let result = match result {
            Ok(ending) => self.end(ending).await,
            Err(failure) => Err(failure),
        };
        let was_read = self.heard == Heard::Text;
        result.map_err(|failure| if was_read { failure.finally() } else { failure })
    }

    async fn read_stream(
        &mut self,
        mut stream: StreamResponse<Chunk>,
        notes: &Arc<Notes>,
    ) -> Result<Ending, Failure> {
        loop {
            let next = select! {
                biased;
                next = next(&mut stream, notes) => next,
                () = &mut self.patience => return Err(self.silence()),
            };
            match next {
                Some(Ok(chunk)) => self.take(chunk).await?,
                None if notes.is_done() => return Ok(Ending::Done),
                // The tap is ahead of us by chance: what it saw behind a garbled chunk does not count.
                Some(Err(OpenAIError::JSONDeserialize(..))) => return Ok(Ending::Cut),
                Some(Err(_)) | None => return broken(notes),
            }
            self.patience.renew();
        }
    }

    async fn take(&mut self, chunk: Chunk) -> Result<(), Failure> {
        self.note_model(&chunk);
        let result = self.decoder.push(chunk, &mut self.out);
        if result.is_ok() {
            self.permit.answered();
            self.bill.note(self.decoder.usage());
            self.heard = self.heard.max(Heard::Events);
        }
        self.say().await;
        result
    }

    /// The first chunk that names the model is believed.
    fn note_model(&mut self, chunk: &Chunk) {
        if !self.is_named
            && let Some(name) = chunk.model().filter(|name| !name.is_empty())
        {
            self.is_named = true;
            self.warnings.answered_by(name);
        }
    }

    async fn end(&mut self, ending: Ending) -> Result<Reply, Failure> {
        let result = std::mem::take(&mut self.decoder).finish(ending, &mut self.out);
        self.say().await;
        result
    }

    async fn say(&mut self) {
        for delta in self.out.drain(..) {
            if matches!(delta, Delta::Text(_)) {
                self.heard = Heard::Text;
            }
            self.deltas.say(delta).await;
        }
    }

    fn silence(&self) -> Failure {
        let what = if self.heard == Heard::Nothing { "no answer began" } else { "it fell silent" };
        Failure::ill(ModelError::TimedOut(what)).again()
    }
}

/// The next chunk; while there is none the body may flow on.
async fn next(
    stream: &mut StreamResponse<Chunk>,
    notes: &Notes,
) -> Option<Result<Chunk, OpenAIError>> {
    poll_fn(|context| {
        let next = stream.poll_next_unpin(context);
        if next.is_pending() {
            notes.waits();
        } else {
            notes.is_busy();
        }
        next
    })
    .await
}

/// What the body says of an end without `[DONE]`: the stream itself hides it.
fn broken(notes: &Notes) -> Result<Ending, Failure> {
    if notes.is_too_large() {
        return Err(Failure::ill(ModelError::Failed("the reply is too large".to_owned())));
    }
    let stray = serde_json::from_slice(&notes.stray()).ok();
    match stray.as_ref().and_then(Refused::in_stream) {
        Some(refused) => Err(refused.failure()),
        None => Ok(Ending::Cut),
    }
}
