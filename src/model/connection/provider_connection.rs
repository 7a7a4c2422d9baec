//! One connection. Whoever waits for something from it drives it: it has no task of its own, and
//! nothing is handed from one task to another.

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

/// What the bytes go over.
pub(super) type Stream = Box<dyn ByteStream>;

/// A stream of bytes both ways.
pub(super) trait ByteStream: Read + Write + Send + Sync + Unpin {}

impl<T: Read + Write + Send + Sync + Unpin> ByteStream for T {}

/// So much is read at once, and no head may be longer.
const MOST_AT_ONCE: usize = 64 * 1024;

/// So often a connection that rang while it was driven is driven again at once; after that others get
/// their turn.
const ROUNDS: u8 = 3;

/// A connection that is open, or was when it was looked at last.
pub(super) struct ProviderConnection {
    sender: SendRequest<Body>,
    /// None once it is over.
    driver: Option<Connection<Stream, Body>>,
    bell: Arc<ConnectionWaker>,
    /// The bell, as the driver knows it.
    waker: Waker,
}

/// Wakes whoever waits, unless the connection is being driven at that moment: half of what rings comes
/// from the two ends of the connection, which tell each other of what is seen anyway.
#[derive(Default)]
struct ConnectionWaker {
    is_driven: AtomicBool,
    has_rung: AtomicBool,
    waiting: AtomicWaker,
}

impl ProviderConnection {
    /// A connection over a stream that nothing was sent on yet.
    pub(super) async fn over(stream: Stream) -> hyper::Result<Self> {
        let (sender, driver) = Builder::new().max_buf_size(MOST_AT_ONCE).handshake(stream).await?;
        let bell = Arc::<ConnectionWaker>::default();
        let waker = Waker::from(Arc::clone(&bell));
        Ok(Self { sender, driver: Some(driver), bell, waker })
    }

    /// Whether the next request can be sent on it. It is driven for a moment, to find out what became
    /// of it.
    pub(super) fn is_free(&mut self) -> bool {
        // Nobody waits for anything, so that nobody is woken, nor kept.
        drop(self.bell.waiting.take());
        self.drive();
        self.driver.is_some() && self.sender.is_ready()
    }

    /// Sends a request and waits for the head of its answer. What was not even begun comes back.
    pub(super) async fn send(
        &mut self,
        request: Request<Body>,
    ) -> Result<Response<Incoming>, TrySendError<Request<Body>>> {
        let mut sent = pin!(self.sender.try_send_request(request));
        poll_fn(|context| self.poll_for(context, |context| sent.as_mut().poll(context))).await
    }

    /// Waits for something that comes over the connection.
    pub(super) fn poll_for<T>(
        &mut self,
        context: &mut Context<'_>,
        mut something: impl FnMut(&mut Context<'_>) -> Poll<T>,
    ) -> Poll<T> {
        self.bell.waiting.register(context.waker());
        for _ in 0..ROUNDS {
            self.bell.watch();
            self.drive();
            // What rings from here on is seen by the next look.
            if let Poll::Ready(it) = something(&mut Context::from_waker(&self.waker)) {
                return Poll::Ready(it);
            }
            if !self.bell.has_rung_meanwhile() {
                return Poll::Pending;
            }
        }
        context.waker().wake_by_ref();
        Poll::Pending
    }

    fn drive(&mut self) {
        let Some(driver) = &mut self.driver else { return };
        if Pin::new(driver).poll(&mut Context::from_waker(&self.waker)).is_ready() {
            // Whoever waits hears the reason from what it waits for.
            self.driver = None;
        }
    }
}

impl ConnectionWaker {
    fn watch(&self) {
        self.is_driven.store(true, Ordering::SeqCst);
        self.has_rung.store(false, Ordering::SeqCst);
    }

    /// Whether it rang while nobody was woken; from now on somebody is.
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
