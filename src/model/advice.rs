//! What the operator should change: said once in the log, kept for the health report.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// The last advice, until the provider takes a request again.
#[derive(Debug, Default)]
pub(super) struct Advice(Mutex<Option<String>>);

impl Advice {
    /// Keeps `advice`, and logs it if it is news.
    pub(super) fn note(&self, advice: &str) {
        let mut kept = self.kept();
        if kept.as_deref() != Some(advice) {
            *kept = Some(advice.to_owned());
            drop(kept);
            tracing::error!(advice, "The model refuses our requests");
        }
    }

    /// Forgets it: the provider took a request.
    pub(super) fn clear(&self) {
        let forgotten = self.kept().take();
        if forgotten.is_some() {
            tracing::info!("The model takes our requests again");
        }
    }

    /// The advice in force.
    pub(super) fn get(&self) -> Option<String> {
        self.kept().clone()
    }

    fn kept(&self) -> MutexGuard<'_, Option<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
