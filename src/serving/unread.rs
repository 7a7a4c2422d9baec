//! Reads what a client still sends after it was answered (ADR 19).
//!
//! Closing a socket with unread bytes resets the connection: a client that is still sending would
//! fail before it has read why it was refused.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::{Bytes, HttpBody};
use hyper::body::{Frame, Incoming, SizeHint};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep};

/// How long a connection is still read after the server stopped reading its request: enough for a
/// body of 2 MiB at 1.2 Mbit/s.
const LINGER: Duration = Duration::from_secs(15);

/// How long a client may send nothing meanwhile.
const SILENCE: Duration = Duration::from_secs(2);

/// How many bytes are still read: several times the largest request. Without a limit, a client on a
/// fast network can keep a core busy (ADR 19).
const MOST: usize = 8 * 1024 * 1024;

/// Bytes per read.
const PIECE: usize = 16 * 1024;

/// Since when a connection is not read: its last request was answered before it had arrived.
#[derive(Clone, Debug, Default)]
pub(super) struct Unread(Arc<Mutex<Since>>);

#[derive(Debug, Default)]
enum Since {
    #[default]
    Read,
    Unread(Instant),
    /// The connection must close for another, holds a reserve file, or the server ends.
    Hurried,
}

impl Unread {
    /// From now on the connection is closed without reading.
    pub(super) fn hurry(&self) {
        *self.lock() = Since::Hurried;
    }

    fn note(&self) {
        let mut since = self.lock();
        if !matches!(*since, Since::Hurried) {
            *since = Since::Unread(Instant::now());
        }
    }

    /// Until when to wait for more. The past for a request that was refused long ago: the rest of
    /// its body was read since. `None` if there is nothing to wait for.
    fn until(&self) -> Option<Instant> {
        match *self.lock() {
            Since::Read | Since::Hurried => None,
            Since::Unread(at) => Some(at + LINGER),
        }
    }

    fn was_read(&self) -> bool {
        matches!(*self.lock(), Since::Read)
    }

    fn lock(&self) -> MutexGuard<'_, Since> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The body of a request. Notes if it is dropped before its end.
pub(super) struct RequestBody {
    body: Incoming,
    has_ended: bool,
    unread: Unread,
}

impl RequestBody {
    pub(super) const fn new(body: Incoming, unread: Unread) -> Self {
        Self { body, has_ended: false, unread }
    }
}

impl HttpBody for RequestBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        self.has_ended = frame.is_none();
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for RequestBody {
    fn drop(&mut self) {
        if !self.has_ended && !self.body.is_end_stream() {
            self.unread.note();
        }
    }
}

/// A stream that is closed only after the client has finished sending, within limits.
pub(super) struct Lingering<S> {
    stream: S,
    unread: Unread,
    /// From the moment when nothing more is written.
    left: Option<Left>,
}

/// What a client may still do.
struct Left {
    silence: Pin<Box<Sleep>>,
    bytes: usize,
}

impl Default for Left {
    fn default() -> Self {
        Self { silence: Box::pin(sleep(SILENCE)), bytes: MOST }
    }
}

impl<S: AsyncRead + Unpin> Lingering<S> {
    pub(super) const fn new(stream: S, unread: Unread) -> Self {
        Self { stream, unread, left: None }
    }

    /// In a hurry, only what has arrived is read.
    fn poll_discard(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let until = self.unread.until();
        let left = self.left.get_or_insert_with(Left::default);
        let mut piece = [0; PIECE];
        while left.bytes > 0 && until.is_none_or(|until| Instant::now() < until) {
            let mut buffer = ReadBuf::new(&mut piece);
            match Pin::new(&mut self.stream).poll_read(context, &mut buffer) {
                Poll::Ready(Ok(())) if !buffer.filled().is_empty() => {
                    left.bytes = left.bytes.saturating_sub(buffer.filled().len());
                    left.silence.as_mut().reset(Instant::now() + SILENCE);
                }
                Poll::Ready(_) => break,
                Poll::Pending if until.is_none() => break,
                Poll::Pending => return left.silence.as_mut().poll(context),
            }
        }
        Poll::Ready(())
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Lingering<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Lingering<S> {
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
        // Closed for writing immediately, so that the client sees the end of the answer (ADR 19).
        if self.left.is_none() {
            ready!(Pin::new(&mut self.stream).poll_shutdown(context))?;
        }
        if !self.unread.was_read() {
            ready!(self.poll_discard(context));
        }
        Poll::Ready(Ok(()))
    }
}
