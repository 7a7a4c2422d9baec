//! Letters without their case, so that a search finds what a person would.

/// Text to compare without regard to case; the databases know that for ASCII alone.
///
/// By way of capitals, because `ß` and `ss`, or `ς` and `σ`, differ in small letters only.
pub(super) fn fold(text: &str) -> String {
    text.chars().flat_map(char::to_uppercase).flat_map(char::to_lowercase).collect()
}
