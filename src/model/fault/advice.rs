//! What the operator should change: said once in the log, kept for the health report.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::agents::ModelError;

/// The last advice, until the provider takes a request again.
#[derive(Debug, Default)]
pub(in crate::model) struct Advice(Mutex<KeptAdvice>);

#[derive(Debug, Default)]
struct KeptAdvice {
    advice: Option<String>,
    /// What is used up, if that is why the provider is held back.
    spent: Option<&'static str>,
}

impl Advice {
    /// Keeps `advice`, and logs it if it is news.
    pub(in crate::model) fn note(&self, advice: &str) {
        let mut kept = self.kept();
        if kept.advice.as_deref() != Some(advice) {
            kept.advice = Some(advice.to_owned());
            drop(kept);
            tracing::error!(advice, "The model refuses our requests");
        }
    }

    /// Keeps why the provider is held back from now on.
    pub(in crate::model) fn hold_for(&self, error: &ModelError) {
        let spent = if let ModelError::Spent(what) = error { Some(*what) } else { None };
        self.kept().spent = spent;
    }

    /// Forgets it all: the provider took a request.
    pub(in crate::model) fn clear(&self) {
        let forgotten = std::mem::take(&mut *self.kept()).advice;
        if forgotten.is_some() {
            tracing::info!("The model takes our requests again");
        }
    }

    /// The advice in force.
    pub(in crate::model) fn get(&self) -> Option<String> {
        self.kept().advice.clone()
    }

    /// What is used up, if that is why the provider is held back.
    pub(in crate::model) fn spent(&self) -> Option<&'static str> {
        self.kept().spent
    }

    fn kept(&self) -> MutexGuard<'_, KeptAdvice> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
