//! What the head of a request announces of its body. What this server does not do is refused before
//! the body comes (ADR 33).

use axum::http::{HeaderMap, HeaderName, header};

use super::super::error::ApiError;

/// The length of a JSON body, if it is announced. A number with too many digits is a size that is
/// too large.
pub(crate) fn announced(headers: &HeaderMap) -> Result<Option<usize>, ApiError> {
    if headers.contains_key(header::EXPECT) && text(headers, &header::EXPECT) != "100-continue" {
        return Err(ApiError::UnknownExpectation);
    }
    let kind = text(headers, &header::CONTENT_TYPE);
    let mut parts = kind.split(';').map(str::trim);
    // A page of another origin cannot send this type without a preflight request.
    if !parts.next().is_some_and(is_json) {
        return Err(ApiError::NotJsonType);
    }
    if !parts.filter_map(charset).all(|name| name == "utf-8") {
        return Err(ApiError::WrongCharset);
    }
    let transfer = text(headers, &header::TRANSFER_ENCODING);
    let content = text(headers, &header::CONTENT_ENCODING);
    if !matches!(&*transfer, "" | "chunked") || !matches!(&*content, "" | "identity") {
        return Err(ApiError::WrongEncoding);
    }
    let length = headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok());
    Ok(length.map(|length| length.parse().unwrap_or(usize::MAX)))
}

/// In small letters; empty if there is none, and something that is nothing known if it is no text
/// or there are several: two readers might take different ones.
fn text(headers: &HeaderMap, name: &HeaderName) -> String {
    let mut values = headers.get_all(name).iter();
    let first = values.next().map(|value| value.to_str().unwrap_or("?"));
    let one = if values.next().is_some() { "?" } else { first.unwrap_or_default() };
    one.trim().to_ascii_lowercase()
}

fn is_json(essence: &str) -> bool {
    essence == "application/json"
        || (essence.starts_with("application/") && essence.ends_with("+json"))
}

fn charset(parameter: &str) -> Option<&str> {
    let (name, value) = parameter.split_once('=')?;
    (name.trim_end() == "charset").then(|| value.trim().trim_matches('"'))
}
