//! Lets a scenario close the listener for some time.

use std::time::Duration;

use tokio::sync::watch::{Receiver, Sender, channel};
use tokio::time::timeout;

/// The scenario's side.
#[derive(Clone, Debug)]
pub(super) struct Door(Sender<Access>);

/// The listener's side.
#[derive(Debug)]
pub(super) struct Doorkeeper(Receiver<Access>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Access {
    Open,
    Closing(Duration),
    Closed,
}

/// A listener that takes longer has ended.
const CLOSING: Duration = Duration::from_secs(1);

pub(super) fn door() -> (Door, Doorkeeper) {
    let (sender, receiver) = channel(Access::Open);
    (Door(sender), Doorkeeper(receiver))
}

impl Door {
    pub(super) async fn close(&self, pause: Duration) {
        self.0.send_replace(Access::Closing(pause));
        let mut seen = self.0.subscribe();
        let closed = seen.wait_for(|access| *access == Access::Closed);
        if timeout(CLOSING, closed).await.is_err() {
            tracing::debug!("The listener has ended");
        }
    }

    /// Reports that the port is closed.
    pub(super) fn closed(&self) {
        self.0.send_replace(Access::Closed);
    }

    /// Reports that the port is open again.
    pub(super) fn opened(&self) {
        self.0.send_replace(Access::Open);
    }
}

impl Doorkeeper {
    /// Waits until the listener should close; returns for how long.
    pub(super) async fn asked_to_close(&mut self) -> Duration {
        let pause = |access: &Access| match access {
            Access::Closing(pause) => Some(*pause),
            Access::Open | Access::Closed => None,
        };
        let access = self.0.wait_for(|access| pause(access).is_some()).await;
        access.ok().and_then(|access| pause(&access)).unwrap_or_default()
    }
}
