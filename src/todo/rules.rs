//! Checks and limits of each field. rmcp does not enforce schemas, so the tools do (ADR 1).

use super::due::{Due, NoDue};
use super::fold::fold;
use super::refusal::Refusal;
use text::{clean, is_blank};

pub(super) const MAX_TITLE: usize = 200;
pub(super) const MAX_NOTES: usize = 4_000;
pub(super) const MAX_TAGS: usize = 20;
pub(super) const MAX_TAG: usize = 50;
/// Characters of a searched text.
pub(super) const MAX_TEXT: usize = 200;
pub(super) const MAX_ID: usize = 64;

/// An id that may exist. Any other text is refused without asking the database.
pub(super) fn id(text: &str) -> Result<&str, Refusal> {
    let id = text.trim();
    let fits = id.len() <= MAX_ID && id.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if fits && !id.is_empty() { Ok(id) } else { Err(Refusal::unknown_id(id)) }
}

pub(super) fn title(text: &str) -> Result<String, Refusal> {
    let title = visible(text, |c| c == ' ');
    if title.is_empty() {
        return Err(Refusal::NoTitle(MAX_TITLE));
    }
    within("title", title, MAX_TITLE)
}

/// Empty notes are none.
pub(super) fn notes(text: &str) -> Result<Option<String>, Refusal> {
    let text = text.replace("\r\n", "\n");
    let notes = within("notes", visible(&text, |c| matches!(c, ' ' | '\n' | '\t')), MAX_NOTES)?;
    Ok(Some(notes).filter(|notes| !notes.is_empty()))
}

/// Tags without `#`, duplicates and empty ones.
pub(super) fn tags(given: &[String]) -> Result<Vec<String>, Refusal> {
    let mut tags: Vec<String> = Vec::new();
    for text in given {
        let tag = tag(text)?;
        let known = tags.iter().any(|other| fold(other) == fold(&tag));
        if tag.is_empty() || known {
            continue;
        }
        if tags.len() == MAX_TAGS {
            return Err(Refusal::TooManyTags(MAX_TAGS));
        }
        tags.push(tag);
    }
    Ok(tags)
}

pub(super) fn tag(text: &str) -> Result<String, Refusal> {
    let tag = visible(text, |c| c == ' ');
    within("tag", tag.trim_start_matches('#').trim_start().to_owned(), MAX_TAG)
}

/// An empty text means no due time.
pub(super) fn due(text: &str) -> Result<Option<Due>, Refusal> {
    if text.trim().is_empty() {
        return Ok(None);
    }
    Due::parse(text).map(Some).map_err(|why| match why {
        NoDue::Unreadable => Refusal::NotADate("due"),
        NoDue::Instant => Refusal::Offset("due"),
    })
}

/// A searched text.
pub(super) fn text(given: &str) -> Result<String, Refusal> {
    within("text", visible(given, |c| c == ' '), MAX_TEXT)
}

fn within(field: &'static str, text: String, limit: usize) -> Result<String, Refusal> {
    if text.chars().count() > limit { Err(Refusal::TooLong { field, limit }) } else { Ok(text) }
}

/// Removes white space at the ends and invisible characters; other white space becomes a space.
/// What is left decides whether a text is empty.
fn visible(text: &str, keeps: impl Fn(char) -> bool) -> String {
    let spaced = text.chars().map(|c| if c.is_whitespace() && !keeps(c) { ' ' } else { c });
    let seen = clean(&spaced.collect::<String>());
    if is_blank(&seen) { String::new() } else { seen.trim().to_owned() }
}
