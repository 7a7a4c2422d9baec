//! Where connections come from.

use std::io;
use std::net::TcpStream as StdStream;
use std::os::fd::AsFd;
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::sleep;

use crate::domain::is_out_of_files;

/// How long a client may leave an answer unread, or its network unheard of.
pub(super) const READ_LIMIT: Duration = Duration::from_secs(30);

/// How often it is looked whether somebody came, while no file is free.
const PAUSE_FOR_ARRIVALS: Duration = Duration::from_millis(20);

/// Gives one connection after the other.
pub trait Accept: Send {
    /// Somebody who came, and belongs to no runtime yet.
    type Arrival: Send + 'static;

    /// A connection.
    type Io: AsyncRead + AsyncWrite + Unpin + Send + 'static;

    /// Waits for the next one.
    fn accept(&mut self) -> impl Future<Output = io::Result<Self::Arrival>> + Send;

    /// The connection, in the runtime that this is called in.
    fn connect(arrival: Self::Arrival) -> io::Result<Self::Io>;
}

/// Connections over TCP.
#[derive(Debug)]
pub struct Tcp(TcpListener);

impl Tcp {
    /// Takes connections whose answers go out at once, and whose end is noticed.
    ///
    /// Without `TCP_NODELAY` each answer would wait some 40 ms for the client's acknowledgement. With
    /// `TCP_USER_TIMEOUT` a client that is gone without a word is noticed after half a minute, not
    /// after the quarter of an hour that TCP would try again.
    pub const fn new(listener: TcpListener) -> Self {
        Self(listener)
    }
}

impl Accept for Tcp {
    type Arrival = StdStream;
    type Io = TcpStream;

    async fn accept(&mut self) -> io::Result<StdStream> {
        loop {
            match self.0.accept().await {
                Ok((stream, _)) => return tuned(stream),
                // Without a free file the system refuses before it looks whether somebody came. Then
                // nobody has to leave.
                Err(error) if is_out_of_files(&error) && !has_arrivals(&self.0) => {
                    sleep(PAUSE_FOR_ARRIVALS).await;
                }
                Err(error) => return Err(error),
            }
        }
    }

    fn connect(arrival: StdStream) -> io::Result<TcpStream> {
        TcpStream::from_std(arrival)
    }
}

fn tuned(stream: TcpStream) -> io::Result<StdStream> {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "TCP_NODELAY was not set");
    }
    #[cfg(target_os = "linux")]
    if let Err(error) = socket2::SockRef::from(&stream).set_tcp_user_timeout(Some(READ_LIMIT)) {
        tracing::debug!(%error, "TCP_USER_TIMEOUT was not set");
    }
    stream.into_std()
}

/// Whether somebody waits to be accepted. If that cannot be told, somebody may.
fn has_arrivals(listener: &TcpListener) -> bool {
    let mut asked = [PollFd::new(listener.as_fd(), PollFlags::POLLIN)];
    poll(&mut asked, PollTimeout::ZERO).map_or(true, |count| count > 0)
}

/// Whether the fault was that of one client, who is gone.
pub(super) fn is_of_client(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionRefused
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
    )
}
