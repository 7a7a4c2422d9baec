//! With which credential of a caller a call is made, and what it means if the server refuses it (ADR
//! 32, ADR 46).

use super::super::oauth::caller_tokens::SignedInCaller;
use super::fault::CallFault;
use super::server::Server;
use base::domain::{Caller, CallerToken, Owner};

/// With what a caller is called for.
#[derive(Clone, Debug)]
pub(crate) enum CallerCredential {
    /// The token of the request.
    Forwarded(CallerToken),
    SignedIn(SignedInCaller),
}

impl CallerCredential {
    /// Renewals do not make another one of a sign-in: it is the same account.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Forwarded(one), Self::Forwarded(other)) => one == other,
            (Self::SignedIn(one), Self::SignedIn(other)) => one.sign_in == other.sign_in,
            (Self::Forwarded(_), Self::SignedIn(_)) | (Self::SignedIn(_), Self::Forwarded(_)) => {
                false
            }
        }
    }

    pub(super) fn has_expired(&self) -> bool {
        match self {
            Self::Forwarded(token) => token.remaining().is_none(),
            // It is renewed, or the server says so.
            Self::SignedIn(_) => false,
        }
    }
}

impl Server {
    /// Never the operator's.
    pub(super) async fn credential_of(
        &self,
        caller: &Caller,
    ) -> Result<CallerCredential, CallFault> {
        if let Some(tokens) = &self.caller_tokens {
            return Ok(CallerCredential::SignedIn(tokens.of(caller).await?));
        }
        let token = caller.token().filter(|_| self.settings.forward_auth);
        let token = token.ok_or(CallFault::NotSignedIn)?;
        if token.remaining().is_none() {
            return Err(CallFault::Expired);
        }
        Ok(CallerCredential::Forwarded(token.clone()))
    }

    /// What a fault is in the session of a caller.
    pub(super) fn of_caller(
        &self,
        fault: CallFault,
        owner: &Owner,
        credential: &CallerCredential,
    ) -> CallFault {
        match (credential, &self.caller_tokens) {
            (CallerCredential::SignedIn(caller), Some(tokens)) if fault.is_refusal() => {
                tokens.refused(owner, caller)
            }
            _ => fault.of_caller(),
        }
    }
}
