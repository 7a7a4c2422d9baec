//! The connection of an answer to its client, and its observer.

use std::io::{Error, ErrorKind};

use axum::http::StatusCode;
use tokio_util::sync::CancellationToken;

use super::connection::ConnectionHandle;

/// Observes how an answer is sent.
pub(crate) trait Witness: Send + Sync + 'static {
    /// The head is sent.
    fn began(&self, status: StatusCode);
    /// A piece with this many events is sent.
    fn sent(&self, bytes: usize, events: usize);
    /// The answer has ended; only the first report counts.
    fn end(&self, end: DeliveryEnd);
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DeliveryEnd {
    /// Every byte was sent.
    Complete,
    /// The client left first.
    ClientClosed,
    /// The scenario, or the end of the server, cut it.
    ServerCut,
}

/// No observer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Unseen;

#[derive(Debug)]
pub(crate) struct Way<W> {
    /// Its connection, if it is one of ours.
    pub(crate) connection: Option<ConnectionHandle>,
    /// Cancelled when the server stops.
    pub(crate) stop: CancellationToken,
    pub(crate) witness: W,
}

impl Witness for Unseen {
    fn began(&self, _: StatusCode) {}
    fn sent(&self, _: usize, _: usize) {}
    fn end(&self, _: DeliveryEnd) {}
}

impl Way<Unseen> {
    /// For answers without an observer and without faults.
    pub(crate) fn unseen() -> Self {
        Self { connection: None, stop: CancellationToken::new(), witness: Unseen }
    }
}

impl<W: Witness> Way<W> {
    pub(super) fn reset(&self) -> Error {
        self.witness.end(DeliveryEnd::ServerCut);
        if let Some(connection) = &self.connection {
            connection.cut();
        }
        Error::from(ErrorKind::ConnectionReset)
    }
}
