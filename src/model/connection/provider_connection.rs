//! One connection, polled by the caller that waits on it. It has no task, so nothing passes from
//! one task to another (ADR 26).

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use futures::future::poll_fn;
use futures::task::AtomicWaker;
use http::{Request, Response};
use hyper::body::Incoming;
use hyper::client::conn::TrySendError;
use hyper::client::conn::http1::{Builder, Connection, SendRequest};
use hyper::rt::{Read, Write};
use reqwest::Body;

pub(super) type Stream = Box<dyn ByteStream>;

pub(super) trait ByteStream: Read + Write + Send + Sync + Unpin {}

impl<T: Read + Write + Send + Sync + Unpin> ByteStream for T {}

/// Read buffer, and with it the limit of a response head.
const MOST_AT_ONCE: usize = 64 * 1024;

/// How often a connection that woke itself is polled again immediately. Then other tasks of the
/// core come first.
const ROUNDS: u8 = 3;

pub(super) struct ProviderConnection {
    sender: SendRequest<Body>,
    /// None once the connection has ended.
    driver: Option<Connection<Stream, Body>>,
    bell: Arc<ConnectionWaker>,
    /// The same waker in the form that hyper needs.
    waker: Waker,
}

/// Wakes the waiting caller, except while the connection is polled: then hyper's two halves wake
/// each other for what the same poll sees anyway. That was half of all wake-ups (ADR 26).
#[derive(Default)]
struct ConnectionWaker {
    is_driven: AtomicBool,
    has_rung: AtomicBool,
    waiting: AtomicWaker,
}

impl ProviderConnection {
    pub(super) async fn over(stream: Stream) -> hyper::Result<Self> {
        let (sender, driver) = Builder::new().max_buf_size(MOST_AT_ONCE).handshake(stream).await?;
        let bell = Arc::<ConnectionWaker>::default();
        let waker = Waker::from(Arc::clone(&bell));
        Ok(Self { sender, driver: Some(driver), bell, waker })
    }

    /// Whether the next request can be sent on it. Polls it once, to see a close by the server.
    pub(super) fn is_free(&mut self) -> bool {
        // No caller waits here. A waker of the last one would wake it, and keep its task alive.
        drop(self.bell.waiting.take());
        self.drive();
        self.driver.is_some() && self.sender.is_ready()
    }

    /// Sends a request and waits for the head of the answer. Returns a request that was not begun.
    pub(super) async fn send(
        &mut self,
        request: Request<Body>,
    ) -> Result<Response<Incoming>, TrySendError<Request<Body>>> {
        let mut sent = pin!(self.sender.try_send_request(request));
        poll_fn(|context| self.poll_for(context, |context| sent.as_mut().poll(context))).await
    }

    /// Polls the connection first, then what the caller waits for.
    pub(super) fn poll_for<T>(
        &mut self,
        context: &mut Context<'_>,
        mut something: impl FnMut(&mut Context<'_>) -> Poll<T>,
    ) -> Poll<T> {
        self.bell.waiting.register(context.waker());
        for _ in 0..ROUNDS {
            self.bell.watch();
            self.drive();
            // A wake-up from here on is seen by the check below.
            if let Poll::Ready(it) = something(&mut Context::from_waker(&self.waker)) {
                return Poll::Ready(it);
            }
            if !self.bell.has_rung_meanwhile() {
                return Poll::Pending;
            }
        }
        // Still active after three rounds: yield, and come back.
        context.waker().wake_by_ref();
        Poll::Pending
    }

    fn drive(&mut self) {
        let Some(driver) = &mut self.driver else { return };
        if Pin::new(driver).poll(&mut Context::from_waker(&self.waker)).is_ready() {
            // The caller gets the reason from what it waits for.
            self.driver = None;
        }
    }
}

impl ConnectionWaker {
    fn watch(&self) {
        self.is_driven.store(true, Ordering::SeqCst);
        self.has_rung.store(false, Ordering::SeqCst);
    }

    /// Whether it was woken during the poll. From now on the caller is woken.
    fn has_rung_meanwhile(&self) -> bool {
        self.is_driven.store(false, Ordering::SeqCst);
        self.has_rung.load(Ordering::SeqCst)
    }
}

impl Wake for ConnectionWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.has_rung.store(true, Ordering::SeqCst);
        if !self.is_driven.load(Ordering::SeqCst) {
            self.waiting.wake();
        }
    }
}
