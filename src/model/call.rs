//! What all attempts at one reply share: the request, and whether the model must be corrected.

use std::borrow::Cow;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use super::fault::failure::Failure;
use super::request::body::Body;
use base::agents::{Deltas, ModelError};
use base::resilience::Attempts;

/// A model that was corrected this often will not get it right the next time.
const MAX_CORRECTIONS: u32 = 2;

pub(super) struct ModelCall<'a> {
    body: Body<'a>,
    pub(super) deltas: &'a Deltas,
    /// Judged together: a call counts once for the breaker, not each attempt (ADR 3).
    pub(super) attempts: Attempts<'a>,
    corrections: AtomicU32,
    is_corrected: AtomicBool,
}

impl<'a> ModelCall<'a> {
    pub(super) fn new(body: Body<'a>, deltas: &'a Deltas, attempts: Attempts<'a>) -> Self {
        let (corrections, is_corrected) = (AtomicU32::new(0), AtomicBool::new(false));
        Self { body, deltas, attempts, corrections, is_corrected }
    }

    /// The next request. After an unreadable call it tells the model so.
    pub(super) fn body(&self) -> Cow<'_, Body<'a>> {
        if self.is_corrected.load(Ordering::Relaxed) {
            Cow::Owned(self.body.corrected())
        } else {
            Cow::Borrowed(&self.body)
        }
    }

    /// Decides about a correction. After the last one the failure is final.
    pub(super) fn learn_from(&self, failure: Failure) -> Failure {
        let is_malformed = failure.error == ModelError::Malformed;
        self.is_corrected.store(is_malformed, Ordering::Relaxed);
        if is_malformed && self.corrections.fetch_add(1, Ordering::Relaxed) >= MAX_CORRECTIONS {
            return failure.finally();
        }
        failure
    }
}
