//! Fails a connection whose request begins and does not get on: its head must be whole in time
//! (ADR 33). hyper has one limit for this and for a connection that says nothing, which may idle.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};

use super::room::Seat;

/// From the first byte of a head to its last.
const LIMIT: Duration = Duration::from_secs(10);

/// Since when the head of a request is coming. Clones share it.
#[derive(Clone, Debug, Default)]
pub(super) struct Head(Arc<Mutex<Option<Instant>>>);

impl Head {
    /// The head is whole.
    pub(super) fn complete(&self) {
        *self.since() = None;
    }

    fn since(&self) -> MutexGuard<'_, Option<Instant>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(super) struct SlowHead<S> {
    stream: S,
    seat: Arc<Seat>,
    head: Head,
    /// Set while a head is coming, and left as it is after that.
    alarm: Option<Pin<Box<Sleep>>>,
}

impl<S> SlowHead<S> {
    pub(super) const fn new(stream: S, seat: Arc<Seat>, head: Head) -> Self {
        Self { stream, seat, head, alarm: None }
    }

    /// Whether the head that is coming takes too long.
    fn poll_late(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let Some(until) = self.head.since().map(|since| since + LIMIT) else {
            return Poll::Pending;
        };
        let alarm = self.alarm.get_or_insert_with(|| Box::pin(sleep_until(until)));
        if alarm.deadline() != until {
            alarm.as_mut().reset(until);
        }
        alarm.as_mut().poll(context)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for SlowHead<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        // What comes while a request runs is its body.
        if buffer.filled().len() > before && !self.seat.is_busy() {
            self.head.since().get_or_insert_with(Instant::now);
        }
        if self.poll_late(context).is_ready() {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for SlowHead<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, pieces)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
