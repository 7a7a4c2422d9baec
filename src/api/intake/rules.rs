//! The rules for what users send, each with its own code and sentence.

use std::borrow::Cow;
use std::sync::Arc;

use jiff::tz::TimeZone;
use validator::ValidationError;

use base::domain::{AnswerStatus, Answers, InvalidText, UserContent, UserText};

/// More parts than any composer makes.
const MAX_PARTS: usize = 100;
/// More answers than any form asks for.
const MAX_ANSWERS: usize = 100;
/// In characters.
const MAX_TITLE: usize = 200;
/// In bytes of JSON: what the mentions of one message may carry.
const MAX_TAG_DATA: usize = 16 * 1024;

#[derive(Clone, Debug)]
pub(crate) struct InputLimits {
    pub(crate) max_chars: usize,
    /// The ids of the models that can be chosen.
    pub(crate) models: Vec<Arc<str>>,
}

pub(crate) fn obeys_message_rules(text: &str, limits: &InputLimits) -> Result<(), ValidationError> {
    UserText::parse(text, limits.max_chars).map(drop).map_err(broken)
}

pub(crate) fn obeys_part_rules(
    parts: &[UserContent],
    limits: &InputLimits,
) -> Result<(), ValidationError> {
    if parts.len() > MAX_PARTS {
        return Err(rule("too_many_parts", format!("A message has at most {MAX_PARTS} parts.")));
    }
    let text: String = parts.iter().map(text_of).collect();
    obeys_message_rules(&text, limits)?;
    let data: usize = parts.iter().map(data_size).sum();
    if data > MAX_TAG_DATA {
        return Err(rule(
            "too_much_data",
            "The mentions of this message carry too much data.".into(),
        ));
    }
    Ok(())
}

pub(crate) fn obeys_quote_rules(text: &str, limits: &InputLimits) -> Result<(), ValidationError> {
    match UserText::parse(text, limits.max_chars) {
        // Only a message must not be blank. A quote or an answer may be.
        Ok(_) | Err(InvalidText::Blank) => Ok(()),
        Err(error @ InvalidText::TooLong { .. }) => Err(broken(error)),
    }
}

pub(crate) fn is_title(title: &str) -> Result<(), ValidationError> {
    UserText::parse(title, MAX_TITLE).map(drop).map_err(|error| match error {
        InvalidText::Blank => rule("blank", "The title is empty.".into()),
        InvalidText::TooLong { limit, .. } => {
            rule("too_long", format!("A title has at most {limit} characters."))
        }
    })
}

pub(crate) fn obeys_answer_rules(
    answers: &Answers,
    limits: &InputLimits,
) -> Result<(), ValidationError> {
    if answers.status == AnswerStatus::Pending {
        let message = "The status of answers is answered or skipped.";
        return Err(rule("not_settled", message.into()));
    }
    let values = answers.answers.values().flat_map(|answer| &answer.values);
    if answers.answers.len() > MAX_ANSWERS || values.clone().count() > MAX_ANSWERS {
        return Err(rule("too_many_answers", format!("At most {MAX_ANSWERS} answers are taken.")));
    }
    let all: String = values.map(String::as_str).collect();
    obeys_quote_rules(&all, limits)
}

pub(crate) fn is_offered(id: &str, limits: &InputLimits) -> Result<(), ValidationError> {
    // An empty choice is none (ADR 17).
    if id.is_empty() || limits.models.iter().any(|known| **known == *id) {
        return Ok(());
    }
    let known = limits.models.join(", ");
    Err(rule("unknown_model", format!("There is no such model. Choose one of these: {known}.")))
}

pub(crate) fn is_time_zone(name: &str) -> Result<(), ValidationError> {
    let unknown = || {
        rule(
            "unknown_time_zone",
            "The time zone is unknown; use a name such as Europe/Berlin.".into(),
        )
    };
    zone(name).map(drop).ok_or_else(unknown)
}

pub(crate) fn zone(name: &str) -> Option<TimeZone> {
    TimeZone::get(name).ok()
}

fn text_of(part: &UserContent) -> &str {
    match part {
        UserContent::InputText { text } | UserContent::InputTag { text, .. } => text,
    }
}

fn data_size(part: &UserContent) -> usize {
    match part {
        UserContent::InputText { .. } => 0,
        UserContent::InputTag { id, data, group, .. } => {
            let json = serde_json::to_string(data).map_or(usize::MAX, |json| json.len());
            json.saturating_add(id.len()).saturating_add(group.as_ref().map_or(0, String::len))
        }
    }
}

fn broken(error: InvalidText) -> ValidationError {
    let code = match error {
        InvalidText::Blank => "blank",
        InvalidText::TooLong { .. } => "too_long",
    };
    rule(code, sentence(&error.to_string()))
}

fn rule(code: &'static str, message: String) -> ValidationError {
    ValidationError::new(code).with_message(Cow::Owned(message))
}

/// Our errors are fragments: lower case, no full stop. Users read sentences.
fn sentence(words: &str) -> String {
    let mut letters = words.chars();
    let first = letters.next().map(|letter| letter.to_uppercase().collect::<String>());
    format!("{}{}.", first.unwrap_or_default(), letters.as_str())
}
