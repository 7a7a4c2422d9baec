//! What every turn of the house works with.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::admission::{Heartbeat, Queues};
use super::repeat::InFlight;
use super::{Settings, Store};
use crate::agents::{Model, Tools};

/// The house: one for all turns, which are told in the files of this room.
pub(super) struct Shared {
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
    pub(super) in_flight: InFlight,
}
