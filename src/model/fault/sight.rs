//! Whether a model takes images. Nobody can be asked, so it is learnt from a refusal (ADR 48).

use std::sync::atomic::{AtomicBool, Ordering};

use super::failure::{ANSWERED, Failure};
use super::remedy::Remedy;
use base::agents::ModelError;

/// What is known of a model; at first it is thought to see.
#[derive(Debug, Default)]
pub(crate) struct Sight {
    is_lost: AtomicBool,
}

/// Whether the images of a request may be why it has no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Doubt {
    No,
    /// Perhaps: the request was too large, or the server failed at it.
    Some,
    /// The request was refused. If it is taken without images, they were the reason.
    Refused,
}

impl Sight {
    pub(crate) fn may_see(&self) -> bool {
        !self.is_lost.load(Ordering::Relaxed)
    }

    /// From now on it gets no images.
    pub(crate) fn lose(&self) {
        if !self.is_lost.swap(true, Ordering::Relaxed) {
            tracing::warn!("The model refuses images, so those of tools are left out from now on");
        }
    }
}

impl Doubt {
    pub(crate) fn of(failure: &Failure) -> Self {
        match (&failure.error, &failure.remedy) {
            // Some gateways answer that no model of this name takes images.
            (ModelError::Misconfigured, Some(Remedy::Form(..) | Remedy::Model)) => Self::Refused,
            (ModelError::Failed(_), None) => Self::Some,
            (ModelError::Unavailable { reason, .. }, None) if reason.starts_with(ANSWERED) => {
                Self::Some
            }
            _ => Self::No,
        }
    }
}
