//! The token by which a caller was recognised, kept to be passed on (ADR 32).

use std::time::Duration;

use jiff::Timestamp;

use super::Secret;

/// A JSON Web Token of a caller. Never stored and never shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallerToken {
    pub text: Secret,
    pub expires: Timestamp,
}

impl CallerToken {
    /// How long it is still valid; `None` once it has expired.
    pub fn remaining(&self) -> Option<Duration> {
        let left = self.expires.duration_since(Timestamp::now());
        Duration::try_from(left).ok().filter(|left| !left.is_zero())
    }
}
