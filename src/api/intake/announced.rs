//! What the head of a request announces of its body. What this server does not do is refused before
//! the body comes (ADR 33).

use axum::http::{HeaderMap, HeaderName, header};

use super::super::error::ApiError;

/// The length of a JSON body, if it is announced. A number with too many digits is a size that is
/// too large.
pub(crate) fn announced(headers: &HeaderMap) -> Result<Option<usize>, ApiError> {
    if headers.contains_key(header::EXPECT) && !is(headers, &header::EXPECT, "100-continue") {
        return Err(ApiError::UnknownExpectation);
    }
    let mut parts = only(headers, &header::CONTENT_TYPE).split(';').map(str::trim);
    // A page of another origin cannot send this type without a preflight request.
    if !parts.next().is_some_and(is_json) {
        return Err(ApiError::NotJsonType);
    }
    if !parts.filter_map(charset).all(|name| name.eq_ignore_ascii_case("utf-8")) {
        return Err(ApiError::WrongCharset);
    }
    let knows =
        |name: &HeaderName, coding| !headers.contains_key(name) || is(headers, name, coding);
    if !knows(&header::TRANSFER_ENCODING, "chunked")
        || !knows(&header::CONTENT_ENCODING, "identity")
    {
        return Err(ApiError::WrongEncoding);
    }
    let length = headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok());
    Ok(length.map(|length| length.parse().unwrap_or(usize::MAX)))
}

/// Empty if there is none, if it is no text, or if there are several: two readers might take
/// different ones.
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> &'a str {
    let mut values = headers.get_all(name).iter();
    let first = values.next().and_then(|value| value.to_str().ok());
    if values.next().is_some() { "" } else { first.unwrap_or_default().trim() }
}

fn is(headers: &HeaderMap, name: &HeaderName, value: &str) -> bool {
    only(headers, name).eq_ignore_ascii_case(value)
}

fn is_json(essence: &str) -> bool {
    let has = |part: Option<&str>, word: &str| part.is_some_and(|it| it.eq_ignore_ascii_case(word));
    let (start, end) = (essence.get(..12), essence.len().checked_sub(5));
    has(Some(essence), "application/json")
        || (has(start, "application/") && has(end.and_then(|end| essence.get(end..)), "+json"))
}

fn charset(parameter: &str) -> Option<&str> {
    let (name, value) = parameter.split_once('=')?;
    let is_charset = name.trim_end().eq_ignore_ascii_case("charset");
    is_charset.then(|| value.trim().trim_matches('"'))
}
