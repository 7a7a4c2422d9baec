//! A listener that hands out cuttable connections and can be gone for a while.

use std::io::Result;
use std::net::SocketAddr;
use std::time::Duration;

use axum::serve::Listener;
use tokio::net::TcpListener;
use tokio::sync::watch::{Receiver, Sender};
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::line::CuttableStream;

/// Hands out connections with a [`Line`](super::line::Line) each.
pub(in crate::demo) struct CuttableListener {
    address: SocketAddr,
    /// None while the address refuses connections.
    open: Option<TcpListener>,
    closed_until: Instant,
    door: Door,
    asked: Receiver<Access>,
}

/// Closes the listener for a while.
#[derive(Clone, Debug)]
pub(super) struct Door(Sender<Access>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Access {
    Open,
    Closing(Duration),
    Closed,
}

/// Between two attempts to listen on the address again.
const RETRY: Duration = Duration::from_millis(20);

/// A listener that takes longer to close has ended for good.
const CLOSING: Duration = Duration::from_secs(1);

impl CuttableListener {
    pub(in crate::demo) fn new(listener: TcpListener) -> Result<Self> {
        let (sender, asked) = tokio::sync::watch::channel(Access::Open);
        Ok(Self {
            address: listener.local_addr()?,
            open: Some(listener),
            closed_until: Instant::now(),
            door: Door(sender),
            asked,
        })
    }

    fn close(&mut self, pause: Duration) {
        self.open = None;
        self.closed_until = Instant::now() + pause;
        self.door.0.send_replace(Access::Closed);
    }

    async fn reopen(&mut self) {
        sleep_until(self.closed_until).await;
        match TcpListener::bind(self.address).await {
            Ok(listener) => {
                self.open = Some(listener);
                self.door.0.send_replace(Access::Open);
            }
            Err(error) => {
                tracing::debug!(%error, "The address cannot be listened on yet");
                sleep(RETRY).await;
            }
        }
    }
}

impl Listener for CuttableListener {
    type Io = CuttableStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (CuttableStream, SocketAddr) {
        loop {
            let Some(listener) = &mut self.open else {
                self.reopen().await;
                continue;
            };
            tokio::select! {
                (tcp, address) = Listener::accept(listener) => {
                    if let Err(error) = tcp.set_nodelay(true) {
                        tracing::debug!(%error, "TCP_NODELAY could not be set");
                    }
                    return (CuttableStream::new(tcp, self.door.clone()), address);
                }
                pause = closing(&mut self.asked) => self.close(pause),
            }
        }
    }

    fn local_addr(&self) -> Result<SocketAddr> {
        Ok(self.address)
    }
}

impl Door {
    /// Asks the listener to close, and waits until it has.
    pub(super) async fn close(&self, pause: Duration) {
        self.0.send_replace(Access::Closing(pause));
        let mut seen = self.0.subscribe();
        let closed = seen.wait_for(|access| *access == Access::Closed);
        if timeout(CLOSING, closed).await.is_err() {
            tracing::debug!("The listener has ended");
        }
    }
}

/// Waits until the listener is to close; says for how long.
async fn closing(asked: &mut Receiver<Access>) -> Duration {
    let pause = |access: &Access| match access {
        Access::Closing(pause) => Some(*pause),
        Access::Open | Access::Closed => None,
    };
    let access = asked.wait_for(|access| pause(access).is_some()).await;
    access.ok().and_then(|access| pause(&access)).unwrap_or_default()
}
