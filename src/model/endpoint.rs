//! The provider's address and key. From the settings, never from the environment, which
//! async-openai would read by default.

use std::sync::Arc;

use async_openai::config::Config;
use http::Uri;
use http::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use reqwest::Url;
use secrecy::SecretString;

use super::settings::{Settings, SettingsError, parse_base_url};

/// Clones share the address and the key.
#[derive(Clone)]
pub(super) struct Endpoint(Arc<Address>);

struct Address {
    base_url: String,
    uri: Uri,
    /// Host, with the port if it is not the default one.
    host: String,
    url: Url,
    headers: HeaderMap,
    /// Empty: the key is only in the headers, where it is marked as sensitive.
    no_key: SecretString,
}

impl Endpoint {
    pub(super) fn new(settings: &Settings) -> Result<Self, SettingsError> {
        let url = parse_base_url(&settings.base_url)?;
        let host = url.host_str().unwrap_or_default();
        let host = url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
        let base_url = url.as_str().trim_end_matches('/').to_owned();
        let uri = base_url.parse().map_err(|_| SettingsError::BaseUrl)?;
        let headers = headers(settings.api_key.expose())?;
        Ok(Self(Arc::new(Address {
            base_url,
            uri,
            host,
            url,
            headers,
            no_key: SecretString::default(),
        })))
    }

    pub(super) fn parsed(&self) -> &Url {
        &self.0.url
    }

    pub(super) fn host(&self) -> &str {
        &self.0.host
    }

    pub(super) fn uri(&self) -> Uri {
        self.0.uri.clone()
    }

    /// Without a slash at the end.
    pub(super) fn base_url(&self) -> &str {
        &self.0.base_url
    }
}

impl Config for Endpoint {
    fn headers(&self) -> HeaderMap {
        self.0.headers.clone()
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.0.base_url)
    }

    fn query(&self) -> Vec<(&str, &str)> {
        Vec::new()
    }

    fn api_base(&self) -> &str {
        &self.0.base_url
    }

    fn api_key(&self) -> &SecretString {
        &self.0.no_key
    }
}

fn headers(key: &str) -> Result<HeaderMap, SettingsError> {
    let mut headers = HeaderMap::new();
    if key.chars().any(char::is_control) {
        return Err(SettingsError::Key);
    }
    if !key.is_empty() {
        let value = HeaderValue::from_str(&format!("Bearer {key}"));
        let mut value = value.map_err(|_| SettingsError::Key)?;
        value.set_sensitive(true);
        headers.insert(AUTHORIZATION, value);
    }
    Ok(headers)
}
