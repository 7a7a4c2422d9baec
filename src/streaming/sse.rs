//! Server-sent events as ChatKit's parser wants them: one `data:` line, one blank line, no more.

use std::convert::Infallible;
use std::time::Duration;

use bytes::Bytes;
use futures::{Stream, stream};
use serde::Serialize;
use tokio::select;
use tokio::time::Instant;

use super::chatkit::{encode, error};
use crate::chat::{Behind, Reader, ThreadEvent};
use crate::domain::Outcome;
use crate::resilience::Patience;

/// A quiet stream says something so often.
const KEEP_ALIVE: Duration = Duration::from_secs(10);

/// A comment without a blank line: with one, the component's parser would see an empty message.
const COMMENT: &[u8] = b": keep-alive\n";

/// What is said to whoever reads too slowly. Trying again would not help: it would be cut again.
const BEHIND: &str = "The connection could not keep up with the answer. Load the conversation again to \
see what was kept of it.";

/// So many waiting events go out as one piece.
const AT_ONCE: usize = 64;

/// Room for a frame that carries a few words.
const USUAL_FRAME: usize = 256;

/// The frames of a turn, to its end.
pub fn frames(events: Reader) -> impl Stream<Item = Result<Bytes, Infallible>> {
    stream::unfold(Voice::new(events), async |mut voice| {
        let piece = voice.next().await?;
        Some((Ok(piece), voice))
    })
}

/// A stream of one error and nothing else.
pub fn only(message: &str, outcome: Outcome) -> Bytes {
    let mut piece = Vec::new();
    write(&mut piece, &error(message, outcome));
    piece.into()
}

struct Voice {
    events: Reader,
    waiting: Vec<ThreadEvent>,
    ended: bool,
    patience: Patience,
}

impl Voice {
    fn new(events: Reader) -> Self {
        let patience = Patience::new(Instant::now() + KEEP_ALIVE, KEEP_ALIVE);
        Self { events, waiting: Vec::new(), ended: false, patience }
    }

    async fn next(&mut self) -> Option<Bytes> {
        while !self.ended {
            let piece = match self.hear().await {
                None => Bytes::from_static(COMMENT),
                Some(Ok(0)) => self.end("The server failed to answer. Try again.", Outcome::Failed),
                Some(Ok(_)) => self.encode().into(),
                Some(Err(Behind)) => self.end(BEHIND, Outcome::TooLong),
            };
            if !piece.is_empty() {
                return Some(piece);
            }
        }
        None
    }

    /// Waits for events and counts them; none if it was quiet for too long.
    async fn hear(&mut self) -> Option<Result<usize, Behind>> {
        let heard = select! {
            biased;
            heard = self.events.take(&mut self.waiting, AT_ONCE) => Some(heard),
            () = &mut self.patience => None,
        };
        self.patience.renew();
        heard
    }

    fn end(&mut self, message: &str, outcome: Outcome) -> Bytes {
        self.ended = true;
        only(message, outcome)
    }

    fn encode(&mut self) -> Vec<u8> {
        let mut piece = Vec::with_capacity(self.waiting.len() * USUAL_FRAME);
        for event in self.waiting.drain(..) {
            self.ended |= matches!(event, ThreadEvent::Ended(_));
            if let Some(frame) = encode(&event) {
                write(&mut piece, &frame);
            }
        }
        piece
    }
}

fn write(piece: &mut Vec<u8>, frame: &impl Serialize) {
    piece.extend_from_slice(b"data: ");
    // Our frames have string keys and no fallible parts: writing them to memory cannot fail.
    if let Err(error) = serde_json::to_writer(&mut *piece, frame) {
        tracing::error!(error = &error as &dyn std::error::Error, "Frame was not written");
    }
    piece.extend_from_slice(b"\n\n");
}
