//! Fetches a key set: no redirects, a limited size, and every fault says whether to try again.

use base::resilience::{Fault, GuardRefusal, Repeat, Verdict};
use outbound::NotAllowed;
use reqwest::{Client, StatusCode, Url};

use super::key_set::KeySet;

/// In bytes: many times the largest set.
const MAX_SET: usize = 256 * 1024;

#[derive(Debug, thiserror::Error)]
pub(super) enum FetchFault {
    #[error("it failed before and is not asked now, or did not answer in time")]
    Refused(GuardRefusal),
    #[error("change AUTH_JWKS_URL: {0}")]
    NotAllowed(NotAllowed),
    #[error("the keys could not be fetched: {0}")]
    Transport(reqwest::Error),
    #[error("the issuer answered {0}")]
    Status(StatusCode),
    #[error("the answer has no usable key")]
    NoKeys,
    #[error("the answer is larger than {MAX_SET} bytes")]
    TooLarge,
}

/// With a client that follows no redirect: it could lead to keys of somebody else.
pub(super) async fn fetch(client: &Client, url: &Url) -> Result<KeySet, FetchFault> {
    let mut answer = client.get(url.clone()).send().await?;
    if answer.status() != StatusCode::OK {
        return Err(FetchFault::Status(answer.status()));
    }
    let mut text = Vec::new();
    while let Some(piece) = answer.chunk().await? {
        if text.len() + piece.len() > MAX_SET {
            return Err(FetchFault::TooLarge);
        }
        text.extend_from_slice(&piece);
    }
    KeySet::read(&text).ok_or(FetchFault::NoKeys)
}

impl From<GuardRefusal> for FetchFault {
    fn from(refusal: GuardRefusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<reqwest::Error> for FetchFault {
    fn from(error: reqwest::Error) -> Self {
        let refused = NotAllowed::find_in(&error).map(Self::NotAllowed);
        // A URL may have a secret in its query.
        refused.unwrap_or_else(|| Self::Transport(error.without_url()))
    }
}

impl Fault for FetchFault {
    fn verdict(&self) -> Verdict {
        match self {
            Self::Refused(GuardRefusal::TimedOut)
            | Self::Transport(_)
            | Self::Status(_)
            | Self::NoKeys
            | Self::TooLarge => Verdict::Ill,
            // Our own rule says nothing about the issuer (ADR 31).
            Self::Refused(_) | Self::NotAllowed(_) => Verdict::Nothing,
        }
    }

    fn repeat(&self) -> Repeat {
        match self {
            Self::Transport(_) => Repeat::AfterBackoff,
            Self::Status(status) if status.is_server_error() => Repeat::AfterBackoff,
            Self::Refused(_)
            | Self::NotAllowed(_)
            | Self::Status(_)
            | Self::NoKeys
            | Self::TooLarge => Repeat::Never,
        }
    }
}
