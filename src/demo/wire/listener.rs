//! A listener whose connections can be cut, and which can be closed for some time.

use std::io::Result;
use std::net::SocketAddr;
use std::time::Duration;

use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use tokio::net::TcpListener;
use tokio::time::{Instant, sleep, sleep_until};

use super::connection::{ConnectionHandle, CuttableStream};
use super::door::{Door, Doorkeeper, door};

pub(crate) struct CuttableListener {
    address: SocketAddr,
    /// None while the address refuses connections.
    open: Option<TcpListener>,
    closed_until: Instant,
    door: Door,
    keeper: Doorkeeper,
}

/// Pause between two attempts to bind the address again.
const RETRY: Duration = Duration::from_millis(20);

impl CuttableListener {
    pub(crate) fn new(listener: TcpListener) -> Result<Self> {
        let (door, keeper) = door();
        Ok(Self {
            address: listener.local_addr()?,
            open: Some(listener),
            closed_until: Instant::now(),
            door,
            keeper,
        })
    }

    fn close(&mut self, pause: Duration) {
        self.open = None;
        self.closed_until = Instant::now() + pause;
        self.door.closed();
    }

    async fn reopen(&mut self) {
        sleep_until(self.closed_until).await;
        match TcpListener::bind(self.address).await {
            Ok(listener) => {
                self.open = Some(listener);
                self.door.opened();
            }
            Err(error) => {
                tracing::debug!(%error, "Cannot listen on the address yet");
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
                pause = self.keeper.asked_to_close() => self.close(pause),
            }
        }
    }

    fn local_addr(&self) -> Result<SocketAddr> {
        Ok(self.address)
    }
}

impl Connected<IncomingStream<'_, CuttableListener>> for ConnectionHandle {
    fn connect_info(stream: IncomingStream<'_, CuttableListener>) -> Self {
        stream.io().connection()
    }
}
