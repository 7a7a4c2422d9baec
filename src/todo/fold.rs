//! Text without case, so that a search finds what a user expects.

/// For comparison without case. SQLite's own `LOWER` and `LIKE` know only ASCII.
///
/// By way of capitals, because `ß` and `ss`, or `ς` and `σ`, differ only in lower case.
pub(super) fn fold(text: &str) -> String {
    text.chars().flat_map(char::to_uppercase).flat_map(char::to_lowercase).collect()
}
