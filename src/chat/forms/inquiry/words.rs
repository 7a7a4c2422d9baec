//! What a person reads of a server's questions. The server's texts are cleaned, quoted and without
//! links, and every question says which server asks.

use serde_json::Value;

use base::domain::{
    Choice, DECLINE, FieldKind, FieldOption, FormField, Question, QuestionKind, TextFormat, clean,
    shorten, unlinked,
};

use super::super::approval::{harmless, name, quoted_to};
use super::{AskedPart, CONTINUE};

// In characters.
const MAX_MESSAGE: usize = 600;
const MAX_TITLE: usize = 80;
const MAX_DESCRIPTION: usize = 200;
const MAX_OPTION: usize = 100;

/// What the options of our own questions begin with. A server's option that does is shown in quotes.
const OURS: [&str; 3] = ["approve", "decline", "continue"];

const YES: &str = "Yes";
const NO: &str = "No";

pub(super) fn question(server: &str, part: &AskedPart<'_>) -> Question {
    let server = name(server);
    let said = if part.is_first {
        format!("{server} asks: {}", quoted_to(&clean(&part.form.message), MAX_MESSAGE))
    } else {
        format!("{server} asks for")
    };
    let (id, answer) = (part.id.clone(), None);
    let Some(field) = part.field else {
        let kind = choice(vec![CONTINUE.to_owned(), DECLINE.to_owned()]);
        return Question { id, question: unlinked(&said), answer, kind };
    };
    let mut words = format!("{said} {}", quoted_to(&clean(label(field)), MAX_TITLE));
    if let Some(problem) = &field.problem {
        words = format!("{words}. What you gave was not taken: {problem}");
    }
    let help = help(field);
    let kind = match options_of(field) {
        Some(options) => {
            words = format!("{words} ({help})");
            let multiple = matches!(field.kind, FieldKind::Choices { .. });
            let options = options.into_iter().map(|value| Choice { value }).collect();
            QuestionKind::MultipleChoice { options, multiple }
        }
        None => QuestionKind::Freeform { description: Some(unlinked(&help)) },
    };
    Question { id, question: unlinked(&words), answer, kind }
}

/// What the options of a field look like, in its order; `None` if it is written.
pub(super) fn options_of(field: &FormField) -> Option<Vec<String>> {
    match &field.kind {
        FieldKind::Boolean => Some(vec![YES.to_owned(), NO.to_owned()]),
        FieldKind::Choice { options } | FieldKind::Choices { options, .. } => Some(shown(options)),
        FieldKind::Text { .. } | FieldKind::Number { .. } | FieldKind::Integer { .. } => None,
    }
}

/// What a field takes, in words.
pub(super) fn taken(kind: &FieldKind) -> String {
    match kind {
        FieldKind::Text { min, max, format } => {
            let what = format.map_or("a text", described);
            format!("{what}{}", range(min.as_ref(), max.as_ref(), " characters"))
        }
        FieldKind::Number { min, max } => {
            format!("a number{}", range(min.as_ref(), max.as_ref(), ""))
        }
        FieldKind::Integer { min, max } => {
            format!("a whole number{}", range(min.as_ref(), max.as_ref(), ""))
        }
        FieldKind::Boolean => "yes or no".to_owned(),
        FieldKind::Choice { .. } => "one of these".to_owned(),
        FieldKind::Choices { min, max, .. } => {
            format!("some of these{}", range(min.as_ref(), max.as_ref(), ""))
        }
    }
}

fn choice(options: Vec<String>) -> QuestionKind {
    let options = options.into_iter().map(|value| Choice { value }).collect();
    QuestionKind::MultipleChoice { options, multiple: false }
}

fn label(field: &FormField) -> &str {
    field.title.as_deref().filter(|title| !title.trim().is_empty()).unwrap_or(&field.name)
}

fn help(field: &FormField) -> String {
    let described = field.description.as_deref().map(clean).filter(|it| !it.trim().is_empty());
    let described = described.map(|it| quoted_to(&it, MAX_DESCRIPTION));
    let otherwise = field
        .default
        .as_ref()
        .map(|default| format!("otherwise {}", quoted_to(&clean(&plain(default)), MAX_OPTION)));
    let is_left = !field.is_required && field.default.is_none();
    let optional = is_left.then(|| "may be left out".to_owned());
    let all = [described, Some(taken(&field.kind)), otherwise, optional];
    all.into_iter().flatten().collect::<Vec<_>>().join("; ")
}

/// A default as the person would write it.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Bool(true) => YES.to_owned(),
        Value::Bool(false) => NO.to_owned(),
        Value::Array(values) => values.iter().map(plain).collect::<Vec<_>>().join(", "),
        Value::Null | Value::Number(_) | Value::Object(_) => value.to_string(),
    }
}

const fn described(format: TextFormat) -> &'static str {
    match format {
        TextFormat::Email => "an e-mail address",
        TextFormat::Uri => "an address with its scheme",
        TextFormat::Date => "a date such as 2026-07-28",
        TextFormat::DateTime => "a time such as 2026-07-28T09:30:00Z",
    }
}

fn range<T: ToString>(min: Option<&T>, max: Option<&T>, unit: &str) -> String {
    match (min.map(ToString::to_string), max.map(ToString::to_string)) {
        (Some(min), Some(max)) => format!(" from {min} to {max}{unit}"),
        (Some(min), None) => format!(" of at least {min}{unit}"),
        (None, Some(max)) => format!(" of at most {max}{unit}"),
        (None, None) => String::new(),
    }
}

/// Options on one line each, no two alike, and none like one of ours.
fn shown(options: &[FieldOption]) -> Vec<String> {
    let mut all: Vec<String> = Vec::with_capacity(options.len());
    for option in options {
        let text = option.title.as_deref().unwrap_or(&option.value);
        let text = unlinked(&harmless(&shorten(&clean(text), MAX_OPTION)));
        let begins = text.trim().to_lowercase();
        let looks_ours = OURS.iter().any(|ours| begins.starts_with(ours));
        let text = if looks_ours || begins.is_empty() { format!("\"{text}\"") } else { text };
        let alike = all.iter().filter(|other| other.starts_with(&text)).count();
        let is_taken = all.contains(&text);
        all.push(if is_taken { format!("{text} ({})", alike + 1) } else { text });
    }
    all
}
