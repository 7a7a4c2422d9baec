//! Looks at a streamed body on its way into async-openai, which hides what we must know.
//!
//! Whether `[DONE]` came, what was no event, how much came; and it holds the
//! stream back while nobody reads, since async-openai's own queue has no end.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use futures::Stream;
use futures::stream::BoxStream;
use futures::task::AtomicWaker;
use tokio::time::{Sleep, sleep};

use super::lines::{Line, Lines};

const MAX_BODY_BYTES: usize = 16 * 1024 * 1024;
/// A body further ahead of its reader than this waits.
const MAX_AHEAD_BYTES: usize = 64 * 1024;
/// How long a server may take to end a body after `[DONE]` and keep its connection.
const CLOSING_GRACE: Duration = Duration::from_millis(20);
/// Ends an event whose blank line was forgotten.
const BLANK: Bytes = Bytes::from_static(b"\n\n");

/// What was seen of one body.
#[derive(Debug, Default)]
pub(super) struct Notes {
    done: AtomicBool,
    too_large: AtomicBool,
    /// The reader waits for more, so nothing may hold it back: an event can be larger than the room.
    is_awaited: AtomicBool,
    ahead: AtomicUsize,
    room: AtomicWaker,
    stray: Mutex<Vec<u8>>,
}

/// A body that is looked at.
pub(super) struct Tapped {
    inner: BoxStream<'static, reqwest::Result<Bytes>>,
    notes: Arc<Notes>,
    lines: Lines,
    total: usize,
    stage: Stage,
}

enum Stage {
    Flowing,
    /// `[DONE]` came and is held back until the server ends the body.
    Closing(Bytes, Pin<Box<Sleep>>),
    Over,
}

impl Notes {
    /// The server said `[DONE]`.
    pub(super) fn is_done(&self) -> bool {
        self.done.load(Ordering::Acquire)
    }

    /// The body was cut by us for its size.
    pub(super) fn is_too_large(&self) -> bool {
        self.too_large.load(Ordering::Acquire)
    }

    /// Lines that belong to no event, such as a bare error object.
    pub(super) fn stray(&self) -> Vec<u8> {
        self.stray.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The reader has read everything there is and waits for more.
    pub(super) fn waits(&self) {
        if !self.is_awaited.swap(true, Ordering::AcqRel) {
            self.room.wake();
        }
    }

    /// The reader got something and is busy with it.
    pub(super) fn is_busy(&self) {
        self.is_awaited.store(false, Ordering::Release);
    }

    fn poll_room(&self, context: &Context<'_>) -> Poll<()> {
        if self.has_room() {
            return Poll::Ready(());
        }
        self.room.register(context.waker());
        if self.has_room() { Poll::Ready(()) } else { Poll::Pending }
    }

    fn has_room(&self) -> bool {
        let is_awaited = self.is_awaited.load(Ordering::Acquire);
        if is_awaited {
            self.ahead.store(0, Ordering::Release);
        }
        is_awaited || self.ahead.load(Ordering::Acquire) < MAX_AHEAD_BYTES
    }
}

impl Tapped {
    /// Looks at `inner` and writes into `notes`.
    pub(super) fn new(
        inner: BoxStream<'static, reqwest::Result<Bytes>>,
        notes: Arc<Notes>,
    ) -> Self {
        Self { inner, notes, lines: Lines::default(), total: 0, stage: Stage::Flowing }
    }

    fn pass(&mut self, mut chunk: Bytes) -> std::io::Result<Bytes> {
        self.total += chunk.len();
        self.notes.ahead.fetch_add(chunk.len(), Ordering::AcqRel);
        let found = self.lines.take(&mut chunk);
        if self.total > MAX_BODY_BYTES || found == Line::TooLong {
            self.stage = Stage::Over;
            self.notes.too_large.store(true, Ordering::Release);
            return Err(std::io::Error::other("the reply is too large"));
        }
        let Line::Done { begins_at, ends_at } = found else { return Ok(chunk) };
        self.notes.done.store(true, Ordering::Release);
        // Whatever comes behind it, in this piece or later, is no part of the answer.
        chunk.truncate(ends_at);
        let held = chunk.split_off(begins_at.min(chunk.len()));
        self.stage = Stage::Closing(held, Box::pin(sleep(CLOSING_GRACE)));
        Ok(chunk)
    }

    /// At its end, even a body that forgot the last blank line is looked at whole.
    fn end(&mut self) -> Bytes {
        self.stage = Stage::Over;
        if matches!(self.lines.take(&mut BLANK.clone()), Line::Done { .. }) {
            self.notes.done.store(true, Ordering::Release);
        }
        let stray = self.lines.stray();
        *self.notes.stray.lock().unwrap_or_else(PoisonError::into_inner) = stray;
        BLANK
    }
}

impl Stream for Tapped {
    type Item = std::io::Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        match &mut this.stage {
            Stage::Over => Poll::Ready(None),
            Stage::Closing(held, grace) => {
                let is_open = this.inner.as_mut().poll_next(context).is_pending();
                if is_open && grace.as_mut().poll(context).is_pending() {
                    return Poll::Pending;
                }
                let held = std::mem::take(held);
                this.end();
                Poll::Ready(Some(Ok([held, BLANK].concat().into())))
            }
            Stage::Flowing => {
                ready!(this.notes.poll_room(context));
                Poll::Ready(Some(match ready!(this.inner.as_mut().poll_next(context)) {
                    None => Ok(this.end()),
                    Some(Ok(chunk)) => this.pass(chunk),
                    Some(Err(error)) => {
                        this.end();
                        Err(std::io::Error::other(error))
                    }
                }))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::{FutureExt, StreamExt, stream};

    use super::*;

    #[tokio::test]
    async fn a_body_far_ahead_of_its_reader_waits_for_it() {
        let chunk = Bytes::from("data: x\n\n".repeat(1_000));
        let notes = Arc::new(Notes::default());
        let endless = stream::repeat(chunk.clone()).map(Ok).boxed();
        let mut body = Tapped::new(endless, Arc::clone(&notes));

        let ahead = std::iter::from_fn(|| body.next().now_or_never()).count();

        assert_eq!(ahead, MAX_AHEAD_BYTES.div_ceil(chunk.len()));
        notes.waits();
        assert!(body.next().now_or_never().is_some());
        notes.is_busy();
        assert_eq!(std::iter::from_fn(|| body.next().now_or_never()).count(), ahead - 1);
    }
}
