//! What a client still sends when it was answered already.
//!
//! A socket that is closed with bytes unread resets its connection, and whoever still sends then
//! fails before it has read why it was refused.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::{Bytes, HttpBody};
use hyper::body::{Frame, Incoming, SizeHint};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep};

/// How long a connection is still listened to, from the moment that nobody reads what it sends.
const LINGER: Duration = Duration::from_secs(2);

/// So much is listened to: several times what any request may send.
const MOST: usize = 8 * 1024 * 1024;

/// At once.
const PIECE: usize = 16 * 1024;

/// Since when nobody reads what comes on a connection: its last request was answered before it had
/// come to its end.
#[derive(Clone, Debug, Default)]
pub(super) struct Unread(Arc<Mutex<Since>>);

#[derive(Debug, Default)]
enum Since {
    #[default]
    Read,
    Unread(Instant),
    /// The connection is needed, or all end: there is no time for that.
    Hurried,
}

impl Unread {
    /// From now on the connection is closed without more ado.
    pub(super) fn hurry(&self) {
        *self.lock() = Since::Hurried;
    }

    fn note(&self) {
        let mut since = self.lock();
        if !matches!(*since, Since::Hurried) {
            *since = Since::Unread(Instant::now());
        }
    }

    /// How long to listen still. A request that was refused long ago is no reason to: what was sent
    /// with it has been read over since.
    fn time_left(&self) -> Duration {
        match *self.lock() {
            Since::Read | Since::Hurried => Duration::ZERO,
            Since::Unread(at) => LINGER.saturating_sub(at.elapsed()),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Since> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is asked.
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

/// A stream that is not closed before the client has sent what it is sending, within limits.
pub(super) struct Lingering<S> {
    stream: S,
    unread: Unread,
    /// Runs, and counts, from the moment nothing more is written.
    left: Option<(Pin<Box<Sleep>>, usize)>,
}

impl<S: AsyncRead + Unpin> Lingering<S> {
    pub(super) const fn new(stream: S, unread: Unread) -> Self {
        Self { stream, unread, left: None }
    }

    fn poll_discard(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let time_left = self.unread.time_left();
        let (time, most) = self.left.get_or_insert_with(|| (Box::pin(sleep(time_left)), MOST));
        let mut piece = [0; PIECE];
        while *most > 0 && time.as_mut().poll(context).is_pending() {
            let mut buffer = ReadBuf::new(&mut piece);
            match ready!(Pin::new(&mut self.stream).poll_read(context, &mut buffer)) {
                Ok(()) if !buffer.filled().is_empty() => {
                    *most = most.saturating_sub(buffer.filled().len());
                }
                Ok(()) | Err(_) => break,
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
        if self.left.is_none() {
            ready!(Pin::new(&mut self.stream).poll_shutdown(context))?;
        }
        if !self.unread.time_left().is_zero() {
            ready!(self.poll_discard(context));
        }
        Poll::Ready(Ok(()))
    }
}
