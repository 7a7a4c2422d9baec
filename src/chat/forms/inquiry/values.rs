//! Reads what a person gave for a field: only what its server takes is sent.

use std::str::FromStr;

use jiff::Timestamp;
use jiff::civil::Date;
use serde_json::{Number, Value};

use base::domain::{FieldKind, FieldOption, FormField, TextFormat, only_alike};

use super::words::{options_of, taken};

#[derive(Debug, PartialEq)]
pub(super) enum FieldAnswer {
    Given(Value),
    LeftOut,
    /// Why it cannot be sent.
    NotTaken(String),
}

pub(super) fn read(field: &FormField, values: &[String]) -> FieldAnswer {
    let given: Vec<_> = values.iter().map(|it| it.trim()).filter(|it| !it.is_empty()).collect();
    let Some(first) = given.first() else {
        return match (&field.default, field.is_required) {
            (Some(default), _) => FieldAnswer::Given(default.clone()),
            (None, true) => FieldAnswer::NotTaken("it is needed".to_owned()),
            (None, false) => FieldAnswer::LeftOut,
        };
    };
    let value = match &field.kind {
        FieldKind::Text { min, max, format } => text(first, (*min, *max), *format),
        FieldKind::Number { min, max } => number(first, min.as_ref(), max.as_ref()),
        FieldKind::Integer { min, max } => integer(first, *min, *max),
        FieldKind::Boolean => boolean(first),
        FieldKind::Choice { options } => chosen(field, options, first).map(Value::String),
        FieldKind::Choices { options, min, max } => {
            let all: Option<Vec<_>> = given.iter().map(|it| chosen(field, options, it)).collect();
            all.and_then(|all| several(all, *min, *max))
        }
    };
    let refused = || FieldAnswer::NotTaken(format!("it must be {}", taken(&field.kind)));
    value.map_or_else(refused, FieldAnswer::Given)
}

fn text(
    text: &str,
    (min, max): (Option<u32>, Option<u32>),
    format: Option<TextFormat>,
) -> Option<Value> {
    let length = u32::try_from(text.chars().count()).ok()?;
    let fits = min.is_none_or(|min| length >= min) && max.is_none_or(|max| length <= max);
    let is_so = fits && format.is_none_or(|format| has_format(text, format));
    is_so.then(|| Value::from(text))
}

fn has_format(text: &str, format: TextFormat) -> bool {
    let is_one_word = !text.contains(char::is_whitespace);
    match format {
        TextFormat::Email => text.rsplit_once('@').is_some_and(|(who, host)| {
            is_one_word && !who.is_empty() && host.split('.').all(|part| !part.is_empty())
        }),
        TextFormat::Uri => text.split_once(':').is_some_and(|(scheme, rest)| {
            let is_scheme = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
                && scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c));
            is_one_word && is_scheme && !rest.is_empty()
        }),
        TextFormat::Date => text.len() == "2026-07-28".len() && Date::from_str(text).is_ok(),
        TextFormat::DateTime => text.contains(['T', 't']) && Timestamp::from_str(text).is_ok(),
    }
}

fn number(text: &str, min: Option<&Number>, max: Option<&Number>) -> Option<Value> {
    let number = Number::from_str(text).ok()?;
    let value = number.as_f64().filter(|value| value.is_finite())?;
    let is_above = min.and_then(Number::as_f64).is_none_or(|min| value >= min);
    let is_below = max.and_then(Number::as_f64).is_none_or(|max| value <= max);
    (is_above && is_below).then_some(Value::Number(number))
}

fn integer(text: &str, min: Option<i64>, max: Option<i64>) -> Option<Value> {
    let value: i64 = text.parse().ok()?;
    let fits = min.is_none_or(|min| value >= min) && max.is_none_or(|max| value <= max);
    fits.then(|| Value::from(value))
}

fn boolean(text: &str) -> Option<Value> {
    match text.to_lowercase().as_str() {
        "yes" | "true" => Some(Value::Bool(true)),
        "no" | "false" => Some(Value::Bool(false)),
        _ => None,
    }
}

/// The value of the option that was chosen, by what it looked like, or by the value itself. Options that
/// differ in upper and lower case are two: `mW` is not `MW`.
fn chosen(field: &FormField, options: &[FieldOption], text: &str) -> Option<String> {
    let shown = options_of(field).unwrap_or_default();
    let shown = || shown.iter().map(|it| it.trim());
    let place = shown().position(|it| it == text);
    let place = place.or_else(|| options.iter().position(|option| option.value == text));
    let place = place.or_else(|| only_alike(shown(), text));
    Some(options.get(place?)?.value.clone())
}

fn several(mut all: Vec<String>, min: Option<u64>, max: Option<u64>) -> Option<Value> {
    all.dedup();
    let count = u64::try_from(all.len()).ok()?;
    let fits = min.is_none_or(|min| count >= min) && max.is_none_or(|max| count <= max);
    fits.then(|| Value::from(all))
}
