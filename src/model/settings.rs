//! Settings of one model: address, key, limits, prices. Filled by `config`.

use std::time::Duration;

use outbound::Outbound;
use reqwest::Url;

use super::cost::prices::{Price, Prices};
use super::provider_family::ProviderFamily;
use super::request::thinking::Thinking;
use base::domain::Secret;
use base::resilience::GuardSettings;

#[derive(Clone, Debug)]
pub struct Settings {
    /// A fallback's name; none for the first model.
    pub name: Option<String>,
    /// The API's base; `/chat/completions` is added.
    pub base_url: String,
    /// Sent as a bearer token; empty for a server that needs none.
    pub api_key: Secret,
    /// The variable with a fallback's key, named in advice.
    pub key_variable: Option<String>,
    pub family: ProviderFamily,
    pub model: String,
    /// Whether the operator named it. Only the default is replaced by its successor when the
    /// provider no longer offers it (ADR 17).
    pub is_chosen: bool,
    /// Whether this is the bundled model; shown in `/health`.
    pub offline: bool,
    /// Limit from the request to its first event.
    pub first_event_timeout: Duration,
    /// Longest silence within a stream.
    pub stall_timeout: Duration,
    pub thinking: Thinking,
    pub prices: Prices,
    pub guard: GuardSettings,
    pub outbound: Outbound,
}

impl Settings {
    /// The id by which users choose it: a fallback's name, or the first model's model name.
    pub fn id(&self) -> &str {
        self.name.as_deref().unwrap_or(&self.model)
    }

    /// None if unknown; the bundled model is free.
    pub fn price(&self) -> Option<Price> {
        if self.offline { Some(Price::FREE) } else { self.prices.of(&self.model) }
    }
}

/// Why the settings cannot work. Names the variable, never its value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    #[error("GEMINI_API_KEY holds a line break or another character that no key has")]
    Key,
    #[error(
        "GEMINI_BASE_URL, or the base_url of a fallback, must be an http or https URL without user, query or fragment"
    )]
    BaseUrl,
    #[error("the HTTP client cannot start: {0}")]
    Client(String),
}

/// Checks a base URL. A slash at its end is removed, because the path begins with one.
pub(super) fn parse_base_url(text: &str) -> Result<Url, SettingsError> {
    let url = Url::parse(text.trim_end_matches('/')).map_err(|_| SettingsError::BaseUrl)?;
    let plain = url.query().is_none() && url.fragment().is_none();
    let anonymous = url.username().is_empty() && url.password().is_none();
    let callable = matches!(url.scheme(), "http" | "https") && url.has_host();
    if plain && anonymous && callable { Ok(url) } else { Err(SettingsError::BaseUrl) }
}
