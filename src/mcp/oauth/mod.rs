//! Tokens of servers that require OAuth: how an operator signs in, or each caller, and how tokens are
//! kept, sent and renewed (ADR 42, ADR 46).

mod authorization;
pub(super) mod bearer_client;
mod caller_link;
pub(super) mod caller_sign_in;
pub(super) mod caller_tokens;
mod exchange;
mod grant;
mod issuer;
pub(super) mod login;
mod seal;
pub(super) mod server_tokens;
pub(super) mod vault;

pub use authorization::LoginError;
pub use login::Login;
pub use seal::SealingKey;
pub use vault::TokenVault;
