//! Advice for the operator: logged once, kept for `/health`.

use std::sync::{Mutex, MutexGuard, PoisonError};

use base::agents::ModelError;

/// The last advice, until the provider accepts a request again.
#[derive(Debug, Default)]
pub(crate) struct Advice(Mutex<KeptAdvice>);

#[derive(Debug, Default)]
struct KeptAdvice {
    advice: Option<String>,
    /// What is used up, if that is why calls are held back.
    spent: Option<&'static str>,
}

impl Advice {
    /// Logs `advice` if it is new: with a wrong key, every request would log it.
    pub(crate) fn note(&self, advice: &str) {
        let mut kept = self.kept();
        if kept.advice.as_deref() != Some(advice) {
            kept.advice = Some(advice.to_owned());
            drop(kept);
            tracing::error!(advice, "The model cannot be asked");
        }
    }

    /// Keeps why calls are held back from now on.
    pub(crate) fn hold_for(&self, error: &ModelError) {
        let spent = if let ModelError::Spent(what) = error { Some(*what) } else { None };
        self.kept().spent = spent;
    }

    pub(crate) fn clear(&self) {
        let forgotten = std::mem::take(&mut *self.kept()).advice;
        if forgotten.is_some() {
            tracing::info!("The model can be asked again");
        }
    }

    pub(crate) fn get(&self) -> Option<String> {
        self.kept().advice.clone()
    }

    pub(crate) fn spent(&self) -> Option<&'static str> {
        self.kept().spent
    }

    fn kept(&self) -> MutexGuard<'_, KeptAdvice> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
