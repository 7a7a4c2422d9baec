//! The operator's settings: which ways there are to recognise a caller.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use base::domain::Secret;
use base::resilience::GuardSettings;
use outbound::Outbound;
use reqwest::Url;

use super::keys::key_file::KeyFile;

/// Each way that is set is used.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    pub keys: Option<KeysSettings>,
    pub secret: Option<SecretSettings>,
    pub jwks: Option<JwksSettings>,
}

#[derive(Clone, Debug)]
pub struct KeysSettings {
    pub path: PathBuf,
    /// What it contained at the start.
    pub file: KeyFile,
}

/// What every token must say, and where it names its user.
#[derive(Clone, Debug)]
pub struct TokenRules {
    pub issuer: Option<String>,
    pub audience: Option<String>,
    pub user_claim: String,
    /// `None`: users have no tenant.
    pub tenant_claim: Option<String>,
}

#[derive(Clone, Debug)]
pub struct SecretSettings {
    pub secret: Secret,
    pub rules: TokenRules,
}

/// Where an issuer publishes its keys. Never shown: it may have a secret in its query.
#[derive(Clone)]
pub struct KeysUrl(pub Url);

#[derive(Clone, Debug)]
pub struct JwksSettings {
    pub url: KeysUrl,
    pub rules: TokenRules,
    /// For one attempt to fetch them.
    pub timeout: Duration,
    pub guard: GuardSettings,
    pub outbound: Outbound,
}

impl fmt::Debug for KeysUrl {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("***")
    }
}
