//! A listener whose connections can be cut, so that faults are real ones.

use std::io::{Error, ErrorKind, Result};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use axum::extract::Request;
use axum::extract::connect_info::{ConnectInfo, Connected};
use axum::serve::{IncomingStream, Listener};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// Hands out connections with a [`Line`] each.
pub(in crate::demo) struct CuttableListener<L>(pub(in crate::demo) L);

/// One connection, which ends in a reset once its line is cut.
pub(in crate::demo) struct CuttableStream {
    tcp: TcpStream,
    line: Line,
}

/// Cuts the connection it belongs to.
#[derive(Clone, Debug, Default)]
pub(in crate::demo) struct Line(Arc<AtomicBool>);

impl Line {
    /// The line of a request that came through a [`CuttableListener`].
    pub(in crate::demo) fn of(request: &Request) -> Option<Self> {
        request.extensions().get::<ConnectInfo<Self>>().map(|info| info.0.clone())
    }

    /// From now on every read and write fails.
    pub(in crate::demo) fn cut(&self) {
        self.0.store(true, Ordering::Release);
    }

    fn check(&self) -> Result<()> {
        let cut = self.0.load(Ordering::Acquire);
        if cut { Err(Error::from(ErrorKind::ConnectionReset)) } else { Ok(()) }
    }
}

impl<L: Listener<Io = TcpStream, Addr = SocketAddr>> Listener for CuttableListener<L> {
    type Io = CuttableStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (CuttableStream, SocketAddr) {
        let (tcp, address) = self.0.accept().await;
        (CuttableStream { tcp, line: Line::default() }, address)
    }

    fn local_addr(&self) -> Result<SocketAddr> {
        self.0.local_addr()
    }
}

impl<L> Connected<IncomingStream<'_, CuttableListener<L>>> for Line
where
    L: Listener<Io = TcpStream, Addr = SocketAddr>,
{
    fn connect_info(stream: IncomingStream<'_, CuttableListener<L>>) -> Self {
        stream.io().line.clone()
    }
}

impl AsyncRead for CuttableStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<Result<()>> {
        self.line.check()?;
        Pin::new(&mut self.tcp).poll_read(context, buffer)
    }
}

impl AsyncWrite for CuttableStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<Result<usize>> {
        self.line.check()?;
        Pin::new(&mut self.tcp).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        self.line.check()?;
        Pin::new(&mut self.tcp).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        self.line.check()?;
        Pin::new(&mut self.tcp).poll_shutdown(context)
    }
}

impl Drop for CuttableStream {
    /// A cut line is closed with a reset, not with a farewell.
    fn drop(&mut self) {
        if self.line.check().is_err() {
            let _unsupported = self.tcp.set_zero_linger();
        }
    }
}
