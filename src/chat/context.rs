//! What every turn works with: the ports, the settings, and the state that turns share.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::admission::{Heartbeat, Queues};
use super::allowance::{CountHere, Refusals};
use super::repeat::RequestsInFlight;
use super::{Settings, Store};
use base::agents::{Model, Tools};

pub(super) struct ChatContext {
    pub(super) store: Arc<dyn Store>,
    pub(super) model: Arc<dyn Model>,
    pub(super) tools: Arc<dyn Tools>,
    pub(super) settings: Settings,
    /// Cancelled when no more turns are accepted. Work that no user needs is then skipped.
    pub(super) draining: CancellationToken,
    /// Cancelled when running turns must end.
    pub(super) drained: CancellationToken,
    pub(super) queues: Arc<Queues>,
    pub(super) heartbeat: Arc<Heartbeat>,
    pub(super) in_flight: RequestsInFlight,
    pub(super) refusals: Refusals,
    /// Turns that were counted against the limits of their callers.
    pub(super) turns_here: CountHere,
    /// Requests beyond a limit whose earlier copy is looked for.
    pub(super) looked_for: CountHere,
}
