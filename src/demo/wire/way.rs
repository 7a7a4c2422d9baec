//! The way of an answer to its client, and who looks on.

use std::io::{Error, ErrorKind};

use axum::http::StatusCode;
use tokio_util::sync::CancellationToken;

use super::connection::ConnectionHandle;

/// Sees how an answer goes out.
pub(crate) trait Witness: Send + Sync + 'static {
    /// Notes the head of the answer.
    fn began(&self, status: StatusCode);
    /// Notes a piece of the answer, of so many events.
    fn sent(&self, bytes: usize, events: usize);
    /// Notes how it ended; the first word counts.
    fn end(&self, end: DeliveryEnd);
}

/// How an answer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DeliveryEnd {
    /// Every byte went out.
    Complete,
    /// The client left first.
    ClientClosed,
    /// The scenario, or the end of the server, broke it off.
    ServerCut,
}

/// Nobody looks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Unseen;

/// The way to one client.
#[derive(Debug)]
pub(crate) struct Way<W> {
    /// Its connection, where there is a real one.
    pub(crate) connection: Option<ConnectionHandle>,
    /// The end of the server.
    pub(crate) stop: CancellationToken,
    /// Who looks on.
    pub(crate) witness: W,
}

impl Witness for Unseen {
    fn began(&self, _: StatusCode) {}
    fn sent(&self, _: usize, _: usize) {}
    fn end(&self, _: DeliveryEnd) {}
}

impl Way<Unseen> {
    /// To a client whose connection is never cut.
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
