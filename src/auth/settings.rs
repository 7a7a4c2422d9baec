//! The operator's settings: which ways there are to recognise a caller.

use std::path::PathBuf;
use std::time::Duration;

use base::domain::Secret;
use base::resilience::GuardSettings;
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

#[derive(Clone, Debug)]
pub struct JwksSettings {
    /// Where the issuer publishes its keys.
    pub url: Url,
    pub rules: TokenRules,
    /// For one attempt to fetch them.
    pub timeout: Duration,
    pub guard: GuardSettings,
}
