//! What the attempts at one reply share: the request, and what the last of them taught.

use std::borrow::Cow;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use super::fault::failure::Failure;
use super::request::body::Body;
use crate::agents::{Deltas, ModelError};
use crate::resilience::Attempts;

/// A model that was corrected so often does not learn it at the next.
const MAX_CORRECTIONS: u32 = 2;

/// One request that may be sent several times.
pub(super) struct ModelCall<'a> {
    body: Body<'a>,
    /// Where the words go.
    pub(super) deltas: &'a Deltas,
    /// What they say of the provider.
    pub(super) attempts: Attempts<'a>,
    corrections: AtomicU32,
    is_corrected: AtomicBool,
}

impl<'a> ModelCall<'a> {
    /// Nothing was sent yet.
    pub(super) fn new(body: Body<'a>, deltas: &'a Deltas, attempts: Attempts<'a>) -> Self {
        let (corrections, is_corrected) = (AtomicU32::new(0), AtomicBool::new(false));
        Self { body, deltas, attempts, corrections, is_corrected }
    }

    /// What is sent next; after a call that nobody could read, the model is told so.
    pub(super) fn body(&self) -> Cow<'_, Body<'a>> {
        if self.is_corrected.load(Ordering::Relaxed) {
            Cow::Owned(self.body.corrected())
        } else {
            Cow::Borrowed(&self.body)
        }
    }

    /// Learns from an attempt that failed; corrections have an end.
    pub(super) fn learn_from(&self, failure: Failure) -> Failure {
        let is_malformed = failure.error == ModelError::Malformed;
        self.is_corrected.store(is_malformed, Ordering::Relaxed);
        if is_malformed && self.corrections.fetch_add(1, Ordering::Relaxed) >= MAX_CORRECTIONS {
            return failure.finally();
        }
        failure
    }
}
