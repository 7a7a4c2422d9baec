//! Accepts connections and sets their socket options.

use std::io;
use std::net::TcpStream as StdStream;
use std::os::fd::AsFd;
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::sleep;

use base::domain::is_out_of_files;

/// How long a client may leave an answer unread, or its network be silent (ADR 24).
pub(super) const READ_LIMIT: Duration = Duration::from_secs(30);

/// How often to check for a new connection while no file descriptor is free.
const PAUSE_FOR_ARRIVALS: Duration = Duration::from_millis(20);

/// A listener; a trait for tests.
pub trait Accept: Send {
    /// An accepted connection that belongs to no runtime yet: another core may serve it (ADR 25).
    type Arrival: Send + 'static;

    type Io: AsyncRead + AsyncWrite + Unpin + Send + 'static;

    fn accept(&mut self) -> impl Future<Output = io::Result<Self::Arrival>> + Send;

    /// From now on nobody new gets through. Connections that the system has begun to accept stay.
    fn turn_away(&self) {}

    /// Registers the connection with the runtime in which this is called.
    fn connect(arrival: Self::Arrival) -> io::Result<Self::Io>;

    /// Waits until something can be read: bytes, the end, or an error.
    fn has_arrived(stream: &mut Self::Io) -> impl Future<Output = ()> + Send;
}

#[derive(Debug)]
pub struct Tcp(TcpListener);

impl Tcp {
    /// Without `TCP_NODELAY` an answer waits about 40 ms for the client's acknowledgement. With
    /// `TCP_USER_TIMEOUT` a client that disappeared silently is noticed after 30 s, not after the
    /// 15 minutes for which TCP would retry.
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
                // Without a free file the system refuses before it checks whether a connection
                // came. None is closed until one has come (ADR 19).
                Err(error) if is_out_of_files(&error) && !has_arrivals(&self.0) => {
                    sleep(PAUSE_FOR_ARRIVALS).await;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Closing a listener resets the connections in its queue. With their first packets dropped by
    /// the system none comes into it, and who was dropped asks again in a second, finds the port
    /// closed, and goes elsewhere (ADR 33). Only Linux can do this; elsewhere a few may be lost.
    fn turn_away(&self) {
        #[cfg(target_os = "linux")]
        if let Err(error) = socket2::SockRef::from(&self.0).attach_filter(&DROP_NEWCOMERS) {
            tracing::debug!(%error, "Newcomers cannot be turned away");
        }
    }

    fn connect(arrival: StdStream) -> io::Result<TcpStream> {
        TcpStream::from_std(arrival)
    }

    async fn has_arrived(stream: &mut TcpStream) {
        // What is wrong is told by the read that follows.
        drop(stream.readable().await);
    }
}

/// Drops each packet that asks for a connection: with SYN (2) in the flags, byte 13 of a TCP header.
/// In the kernel's own words: load that byte; if the bit is set, keep 0 bytes of it, otherwise all.
#[cfg(target_os = "linux")]
const DROP_NEWCOMERS: [socket2::SockFilter; 4] = [
    socket2::SockFilter::new(0x30, 0, 0, 13),
    socket2::SockFilter::new(0x45, 0, 1, 2),
    socket2::SockFilter::new(0x06, 0, 0, 0),
    socket2::SockFilter::new(0x06, 0, 0, u32::MAX),
];

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

/// Whether a connection waits to be accepted; true if that is unknown.
fn has_arrivals(listener: &TcpListener) -> bool {
    let mut asked = [PollFd::new(listener.as_fd(), PollFlags::POLLIN)];
    poll(&mut asked, PollTimeout::ZERO).map_or(true, |count| count > 0)
}

/// Whether the error concerns one client, which is gone. The listener is fine then.
pub(super) fn is_of_client(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionRefused
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
    )
}
