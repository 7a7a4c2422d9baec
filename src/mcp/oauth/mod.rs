//! Tokens of servers that require OAuth: how an operator signs in, how they are kept, sent and
//! renewed (ADR 42).

pub(super) mod bearer_client;
mod exchange;
mod grant;
mod issuer;
pub(super) mod login;
mod seal;
pub(super) mod server_tokens;
pub(super) mod vault;

pub use login::{Login, LoginError};
pub use seal::SealingKey;
pub use vault::TokenVault;
