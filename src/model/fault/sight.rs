//! Whether a model takes images. Nobody can be asked, so it is learnt from a refusal (ADR 48).

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::failure::{ANSWERED, Failure};
use super::remedy::Remedy;
use base::agents::ModelError;

/// In so many turns, with no success in between, images must have been refused. One image of one tool
/// may be what the model does not like.
const CONVINCING: usize = 3;

/// Somebody may have put a model that sees behind the same name.
const BLIND_FOR: Duration = Duration::from_hours(1);

/// What is known of a model; at first it is thought to see.
#[derive(Debug, Default)]
pub(crate) struct Sight(Mutex<Experience>);

#[derive(Debug, Default)]
struct Experience {
    /// The turns whose images were refused since some were taken, each by its deadline.
    refused: Vec<Instant>,
    /// When there were enough of them.
    lost_at: Option<Instant>,
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
    /// Whether it gets images in this turn. Once refused, those of a turn are not sent again: the
    /// later requests of the turn have them too.
    pub(crate) fn may_see(&self, turn: Instant) -> bool {
        let mut known = self.known();
        if known.lost_at.is_some_and(|lost| lost.elapsed() >= BLIND_FOR) {
            *known = Experience::default();
        }
        known.lost_at.is_none() && !known.refused.contains(&turn)
    }

    /// A request with images was answered.
    pub(crate) fn prove(&self) {
        *self.known() = Experience::default();
    }

    /// A request of this turn was refused with its images and answered without.
    pub(crate) fn doubt(&self, turn: Instant) {
        let mut known = self.known();
        if known.lost_at.is_some() || known.refused.contains(&turn) {
            return;
        }
        known.refused.push(turn);
        if known.refused.len() >= CONVINCING {
            known.lost_at = Some(Instant::now());
            tracing::warn!("The model refuses images, so those of tools are left out for an hour");
        }
    }

    fn known(&self) -> MutexGuard<'_, Experience> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
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
