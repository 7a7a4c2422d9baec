//! Where the model is and how patient we are with it.

use std::time::Duration;

use reqwest::Url;

use super::cost::prices::{Price, Prices};
use super::provider_family::ProviderFamily;
use super::request::thinking::Thinking;
use crate::domain::Secret;
use crate::resilience::GuardSettings;

/// What the adapter must be told.
#[derive(Clone, Debug)]
pub struct Settings {
    /// What a fallback is called; the first model has no need of a name.
    pub name: Option<String>,
    /// Where the API begins; `/chat/completions` follows.
    pub base_url: String,
    /// Sent as a bearer token; empty for a server that wants none.
    pub api_key: Secret,
    /// The variable that holds a fallback's key, for advice.
    pub key_variable: Option<String>,
    /// Which family the server belongs to.
    pub family: ProviderFamily,
    /// The model's name at the provider.
    pub model: String,
    /// Somebody named it. One that is merely the default goes over to its successor when the
    /// provider no longer offers it (ADR 17).
    pub is_chosen: bool,
    /// The bundled model answers; told in health reports.
    pub offline: bool,
    /// How long a request may take up to its first event.
    pub first_event_timeout: Duration,
    /// The longest silence inside a stream.
    pub stall_timeout: Duration,
    /// How much the model may think; where it shows its thoughts, they are shown.
    pub thinking: Thinking,
    /// What models cost.
    pub prices: Prices,
    /// Breaker and retries.
    pub guard: GuardSettings,
}

impl Settings {
    /// What people choose it by: a fallback's own name, or that of the first model.
    pub fn id(&self) -> &str {
        self.name.as_deref().unwrap_or(&self.model)
    }

    /// What the model costs, if that is known; the bundled one costs nothing.
    pub fn price(&self) -> Option<Price> {
        if self.offline { Some(Price::FREE) } else { self.prices.of(&self.model) }
    }
}

/// Why the settings cannot work; it names the variable and never its value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// The key cannot be sent in a header.
    #[error("GEMINI_API_KEY holds a line break or another character that no key has")]
    Key,
    /// The URL cannot be called.
    #[error(
        "GEMINI_BASE_URL, or the base_url of a fallback, must be an http or https URL without user, query or fragment"
    )]
    BaseUrl,
    /// The HTTP client cannot be built.
    #[error("the HTTP client cannot start: {0}")]
    Client(String),
}

/// Checks a base URL and takes off the slash that would be doubled.
pub(super) fn parse_base_url(text: &str) -> Result<Url, SettingsError> {
    let url = Url::parse(text.trim_end_matches('/')).map_err(|_| SettingsError::BaseUrl)?;
    let plain = url.query().is_none() && url.fragment().is_none();
    let anonymous = url.username().is_empty() && url.password().is_none();
    let callable = matches!(url.scheme(), "http" | "https") && url.has_host();
    if plain && anonymous && callable { Ok(url) } else { Err(SettingsError::BaseUrl) }
}
