//! Server-sent events for any wire: pieces of whole events, a comment while it is quiet, and one
//! end.

use std::convert::Infallible;
use std::time::Duration;

use bytes::Bytes;
use futures::{Stream, stream};
use tokio::select;
use tokio::time::Instant;

use super::Wire;
use base::domain::Outcome;
use base::resilience::Patience;
use chat::{Behind, Fact, Reader};

/// How often a quiet stream sends a comment.
const KEEP_ALIVE: Duration = Duration::from_secs(10);

/// A comment without an empty line, which ChatKit's client would read as an event without data.
const COMMENT: &[u8] = b": keep-alive\n";

/// For a reader that was too slow. A retry would not help: it would be cut again.
const BEHIND: &str = "The connection could not keep up with the answer. Load the conversation again to \
see what was kept of it.";

/// How many waiting facts are written as one piece.
const AT_ONCE: usize = 64;

/// In bytes: room for a frame with a few words.
const USUAL_FRAME: usize = 256;

/// The frames of a turn, to its end.
pub fn frames<W: Wire>(turn: Reader, wire: W) -> impl Stream<Item = Result<Bytes, Infallible>> {
    stream::unfold(SseWriter::new(turn, wire), async |mut writer| {
        let piece = writer.next().await?;
        Some((Ok(piece), writer))
    })
}

/// A stream of one error and nothing else.
pub fn only(mut wire: impl Wire, message: &str, outcome: Outcome) -> Bytes {
    let mut piece = Vec::new();
    wire.fail(message, outcome, &mut piece);
    piece.into()
}

struct SseWriter<W> {
    turn: Reader,
    wire: W,
    waiting: Vec<Fact>,
    /// The turn is over; the stream ends when nothing more comes.
    has_ended: bool,
    is_over: bool,
    patience: Patience,
}

impl<W: Wire> SseWriter<W> {
    fn new(turn: Reader, wire: W) -> Self {
        let patience = Patience::new(Instant::now() + KEEP_ALIVE, KEEP_ALIVE);
        Self { turn, wire, waiting: Vec::new(), has_ended: false, is_over: false, patience }
    }

    async fn next(&mut self) -> Option<Bytes> {
        while !self.is_over {
            let piece = match self.next_facts().await {
                None => Bytes::from_static(COMMENT),
                // Only a title can follow the end, and the conversation has it anyway.
                Some(Ok(0) | Err(Behind)) if self.has_ended => return None,
                // The log was closed without an end, for example after a panic. A stream must have
                // one.
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

    /// Waits for facts and counts them; `None` if it was quiet for too long.
    async fn next_facts(&mut self) -> Option<Result<usize, Behind>> {
        let heard = select! {
            // Facts first: the comment is only for a quiet stream.
            biased;
            heard = self.turn.take(&mut self.waiting, AT_ONCE) => Some(heard),
            () = &mut self.patience => None,
        };
        self.patience.renew();
        heard
    }

    fn end(&mut self, message: &str, outcome: Outcome) -> Bytes {
        self.is_over = true;
        let mut piece = Vec::new();
        self.wire.fail(message, outcome, &mut piece);
        piece.into()
    }

    fn encode(&mut self) -> Vec<u8> {
        let mut piece = Vec::with_capacity(self.waiting.len() * USUAL_FRAME);
        for fact in self.waiting.drain(..) {
            self.has_ended |= matches!(fact, Fact::Ended(_));
            self.wire.write(&fact, &mut piece);
        }
        piece
    }
}
