//! JSON Web Tokens: signed by a shared secret, or by keys that an issuer publishes.

mod claims;
mod fetch;
pub(crate) mod jwks;
mod key_set;
mod ring_crypto;
pub(crate) mod shared_secret;
