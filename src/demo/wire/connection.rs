//! A connection that can be reset, so that faults are real TCP faults.

use std::io::{Error, ErrorKind, Result};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::extract::Request;
use axum::extract::connect_info::ConnectInfo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use super::door::Door;

/// Ends in a reset after [`ConnectionHandle::cut`].
pub(crate) struct CuttableStream {
    tcp: TcpStream,
    connection: ConnectionHandle,
}

/// Cuts its connection, or closes the listener that accepted it.
#[derive(Clone, Debug)]
pub(crate) struct ConnectionHandle {
    cut: Arc<AtomicBool>,
    door: Door,
}

impl CuttableStream {
    pub(super) fn new(tcp: TcpStream, door: Door) -> Self {
        Self { tcp, connection: ConnectionHandle { cut: Arc::default(), door } }
    }

    pub(super) fn connection(&self) -> ConnectionHandle {
        self.connection.clone()
    }
}

impl ConnectionHandle {
    /// None if another server carries the routes.
    pub(crate) fn of(request: &Request) -> Option<Self> {
        request.extensions().get::<ConnectInfo<Self>>().map(|info| info.0.clone())
    }

    pub(crate) fn cut(&self) {
        self.cut.store(true, Ordering::Release);
    }

    /// Closes the listener for this time. Returns when it is closed.
    pub(super) async fn close_door(&self, pause: Duration) {
        self.door.close(pause).await;
    }

    fn check(&self) -> Result<()> {
        let cut = self.cut.load(Ordering::Acquire);
        if cut { Err(Error::from(ErrorKind::ConnectionReset)) } else { Ok(()) }
    }
}

impl AsyncRead for CuttableStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<Result<()>> {
        self.connection.check()?;
        Pin::new(&mut self.tcp).poll_read(context, buffer)
    }
}

impl AsyncWrite for CuttableStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<Result<usize>> {
        self.connection.check()?;
        Pin::new(&mut self.tcp).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        self.connection.check()?;
        Pin::new(&mut self.tcp).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        self.connection.check()?;
        Pin::new(&mut self.tcp).poll_shutdown(context)
    }
}

impl Drop for CuttableStream {
    /// A cut connection ends with RST, not with FIN: a client must see a broken connection.
    fn drop(&mut self) {
        if self.connection.check().is_err() {
            let _unsupported = self.tcp.set_zero_linger();
        }
    }
}
