//! Addresses, checked without being called.

use reqwest::Url;

/// An http or https address, if it is one.
pub(super) fn http_url(text: &str) -> Option<Url> {
    let url = Url::parse(text).ok()?;
    (matches!(url.scheme(), "http" | "https") && url.has_host()).then_some(url)
}

/// The same, for an address that is told to people and must hold nothing secret.
pub(super) fn plain_url(text: &str) -> Option<Url> {
    let is_plain = |url: &Url| {
        let anonymous = url.username().is_empty() && url.password().is_none();
        anonymous && url.query().is_none() && url.fragment().is_none()
    };
    http_url(text).filter(is_plain)
}

/// What keeps an origin from ever being the one that a browser sends.
pub(super) fn origin_fault(text: &str) -> Option<&'static str> {
    let Some(url) = plain_url(text) else {
        return Some("write a scheme and a host, such as https://app.example.com");
    };
    if url.origin().ascii_serialization() == text {
        return None;
    }
    Some(match url.path() {
        "/" if text.ends_with('/') => "leave out the slash at its end",
        "/" => "write it as browsers do: in small letters, without the usual port",
        _ => "an origin has no path",
    })
}
