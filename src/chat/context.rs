//! What every turn works with.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::admission::{Heartbeat, Queues};
use super::repeat::RequestsInFlight;
use super::{Settings, Store};
use crate::agents::{Model, Tools};

/// One for all turns, whose steps are in the files of this room.
pub(super) struct ChatContext {
    pub(super) store: Arc<dyn Store>,
    pub(super) model: Arc<dyn Model>,
    pub(super) tools: Arc<dyn Tools>,
    pub(super) settings: Settings,
    /// Cancelled when no more turns are taken, and what nobody needs is left undone.
    pub(super) draining: CancellationToken,
    /// Cancelled when running turns must end.
    pub(super) drained: CancellationToken,
    pub(super) queues: Arc<Queues>,
    pub(super) heartbeat: Arc<Heartbeat>,
    pub(super) in_flight: RequestsInFlight,
}
