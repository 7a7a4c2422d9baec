//! Checks of addresses; none of them is called.

use reqwest::Url;

/// An http or https URL.
pub(super) fn http_url(text: &str) -> Option<Url> {
    let url = Url::parse(text).ok()?;
    (matches!(url.scheme(), "http" | "https") && url.has_host()).then_some(url)
}

/// The same, for a URL that is shown to people and must contain no secret.
pub(super) fn plain_url(text: &str) -> Option<Url> {
    let is_plain = |url: &Url| {
        let anonymous = url.username().is_empty() && url.password().is_none();
        anonymous && url.query().is_none() && url.fragment().is_none()
    };
    http_url(text).filter(is_plain)
}

/// Why a text can never equal the origin that a browser sends; `None` if it can.
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
