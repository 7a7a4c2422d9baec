//! Who calls: API keys from a file, and JSON Web Tokens (ADR 29). Implements the port
//! `Authenticator`; another way to recognise callers is another file here.

mod keys;
mod settings;
mod tokens;

use std::sync::Arc;

use base::domain::{Authenticator, HealthProbe};
use tokio_util::sync::CancellationToken;

pub use keys::api_keys::ApiKeys;
pub use keys::key_file::{InvalidKeys, KeyEntry, KeyFile};
pub use keys::key_limits::KeyLimits;
pub use keys::key_store::{KeyStoreError, add, remove};
pub use keys::key_text::{MintedKey, mint};
pub use settings::{JwksSettings, KeysSettings, KeysUrl, SecretSettings, Settings, TokenRules};
pub use tokens::jwks::Jwks;
pub use tokens::shared_secret::SharedSecret;

/// All ways to recognise a caller that are set.
#[derive(Default)]
pub struct Ways {
    pub ways: Vec<Arc<dyn Authenticator>>,
    /// The issuer of tokens, for `/health`.
    pub health: Option<Arc<dyn HealthProbe>>,
}

#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("API_KEYS_FILE has faults: {0}")]
    Keys(#[from] InvalidKeys),
    #[error("the client for AUTH_JWKS_URL could not be made: {0}")]
    Client(reqwest::Error),
}

/// Starts what keeps keys fresh, so it must be called in a runtime. All of it ends with `stop`.
pub fn start(settings: Settings, stop: &CancellationToken) -> Result<Ways, StartError> {
    let mut started = Ways::default();
    if let Some(KeysSettings { path, file }) = settings.keys {
        let keys = ApiKeys::new(&file)?;
        drop(tokio::spawn(Arc::clone(&keys).watch(path, stop.clone())));
        started.ways.push(keys);
    }
    if let Some(secret) = settings.secret {
        started.ways.push(SharedSecret::new(secret));
    }
    if let Some(jwks) = settings.jwks {
        let jwks = Jwks::new(jwks).map_err(StartError::Client)?;
        drop(tokio::spawn(Arc::clone(&jwks).keep_fresh(stop.clone())));
        started.health = Some(Arc::clone(&jwks) as _);
        started.ways.push(jwks);
    }
    Ok(started)
}
