//! The end of serving, in steps, so that a proxy that still sends loses nothing (ADR 33).

use tokio_util::sync::CancellationToken;

/// The steps to the end, in their order. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct Ending {
    /// Each answer that begins is the last of its connection, and says so.
    pub last_answers: CancellationToken,
    /// No more connections are accepted. Those that are open are served once more.
    pub shut: CancellationToken,
    /// Connections without a running request close.
    pub stop: CancellationToken,
}

impl From<CancellationToken> for Ending {
    /// All steps at once.
    fn from(stop: CancellationToken) -> Self {
        Self { last_answers: stop.clone(), shut: stop.clone(), stop }
    }
}
