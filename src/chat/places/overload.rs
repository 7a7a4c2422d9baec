//! Tells the log of requests that were turned away: one line for many of them.

use std::time::Duration;

use tokio::time::Instant;

/// So often it is told while it lasts.
const EVERY: Duration = Duration::from_secs(10);

/// Requests that were turned away and are not told yet.
#[derive(Debug, Default)]
pub(super) struct Overload {
    pub(super) refused: u64,
    told_at: Option<Instant>,
}

impl Overload {
    /// `limit`: as many turns as there may be now.
    pub(super) fn tell(&mut self, limit: usize) {
        let is_due = self.told_at.is_none_or(|at| at.elapsed() >= EVERY);
        if self.refused > 0 && is_due {
            let refused = std::mem::take(&mut self.refused);
            self.told_at = Some(Instant::now());
            tracing::warn!(refused, limit, "More is asked for than can be done: turned away");
        }
    }
}
