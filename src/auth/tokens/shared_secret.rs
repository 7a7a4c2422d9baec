//! Tokens that are signed with a secret which the issuer and this server share: HS256.

use std::sync::Arc;

use base::domain::{Authenticator, Recognition};
use futures::FutureExt;
use futures::future::{BoxFuture, ready};
use jsonwebtoken::{Algorithm, DecodingKey};

use super::claims::{TokenKey, caller_of, header_of};
use super::ring_crypto;
use crate::settings::{SecretSettings, TokenRules};

#[derive(Debug)]
pub struct SharedSecret {
    key: TokenKey,
    rules: TokenRules,
}

impl SharedSecret {
    pub fn new(settings: SecretSettings) -> Arc<Self> {
        ring_crypto::install();
        let key = DecodingKey::from_secret(settings.secret.expose().as_bytes());
        let key = TokenKey { algorithm: Algorithm::HS256, key };
        Arc::new(Self { key, rules: settings.rules })
    }
}

impl Authenticator for SharedSecret {
    fn recognise<'a>(&'a self, token: &'a str) -> BoxFuture<'a, Option<Recognition>> {
        let header = header_of(token).filter(|header| header.alg == Algorithm::HS256);
        ready(header.map(|header| caller_of(token, &header, &self.key, &self.rules))).boxed()
    }
}
