//! Reads a provider's refusal: status, headers and body into what to do about it.

use std::time::Duration;

use jiff::{Timestamp, fmt::rfc2822};
use reqwest::header::{HeaderMap, RETRY_AFTER};
use serde_json::Value;

use super::failure::{Failure, unavailable};
use crate::agents::ModelError;
use crate::resilience::Verdict;

/// No pause named by a provider is believed beyond this.
const LONGEST_PAUSE: Duration = Duration::from_hours(1);

/// A refusal, as far as it matters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Refused {
    status: u16,
    /// The provider's own word, such as `INVALID_ARGUMENT`.
    word: String,
    message: String,
    pause: Option<Duration>,
    has_error: bool,
    is_key: bool,
    is_spent: bool,
}

impl Refused {
    /// Reads an HTTP answer that is no success.
    pub fn read(status: u16, headers: &HeaderMap, body: &[u8]) -> Self {
        let body = serde_json::from_slice(body).unwrap_or(Value::Null);
        let mut refused = error_of(&body).map(Self::of).unwrap_or_default();
        refused.status = status;
        refused.pause = named_in(headers).or(refused.pause);
        refused
    }

    /// Reads an error that came with status 200, if this is one.
    pub fn in_stream(chunk: &Value) -> Option<Self> {
        error_of(chunk).map(Self::of)
    }

    /// Whether the key is wrong, rather than what was asked with it.
    pub(super) fn is_about_the_key(&self) -> bool {
        let says = |part: &str| self.message.contains(part);
        self.status == 401 || self.is_key || says("API key") || says("Authorization header")
    }

    /// What to do about it.
    pub fn failure(&self) -> Failure {
        match self.status {
            429 if self.is_spent => Failure::well(unavailable("the quota is spent", None)),
            429 => Failure {
                verdict: Verdict::Busy(self.pause),
                ..Failure::well(unavailable("it asks to slow down", self.pause))
            }
            .again_after(self.pause),
            408 | 500 | 502 | 503 | 504 => self.down().again_after(self.pause),
            status if status >= 500 => self.down(),
            413 => Failure::well(too_large()),
            _ if self.message.contains("token count") => Failure::well(too_large()),
            _ => Failure::well(ModelError::Misconfigured { advice: self.advice() }),
        }
    }

    fn of(error: &Value) -> Self {
        let text = |key: &str| error.get(key).and_then(Value::as_str).unwrap_or_default();
        let message = error.as_str().unwrap_or_else(|| text("message")).to_owned();
        let word = if text("status").is_empty() { text("type") } else { text("status") };
        let mut refused = Self { word: plain_word(word), has_error: true, ..Self::default() };
        refused.status = status_of(error, &refused.word);
        refused.pause = in_words(&message);
        refused.is_spent = text("code") == "insufficient_quota";
        refused.message = message;
        for detail in error.get("details").and_then(Value::as_array).into_iter().flatten() {
            refused.heed(detail);
        }
        refused
    }

    fn heed(&mut self, detail: &Value) {
        let text = |key: &str| detail.get(key).and_then(Value::as_str);
        self.pause = text("retryDelay").and_then(span).or(self.pause);
        self.is_key |= text("reason") == Some("API_KEY_INVALID");
        let violations = detail.get("violations").and_then(Value::as_array);
        self.is_spent |= violations.into_iter().flatten().any(|violation| {
            let quota = violation.get("quotaId").and_then(Value::as_str);
            quota.is_some_and(|quota| quota.contains("PerDay"))
        });
    }

    fn down(&self) -> Failure {
        Failure::ill(unavailable(&format!("it answered {}", self.status), self.pause))
    }

    /// Our own words: the provider's may quote the conversation.
    fn advice(&self) -> String {
        let Self { status, word, message, .. } = self;
        let says = |part: &str| message.contains(part);
        match status {
            401 | 403 => format!("check GEMINI_API_KEY (the provider answered {status})"),
            400 if self.is_about_the_key() => {
                "check GEMINI_API_KEY (the provider does not know it)".to_owned()
            }
            400 if word == "FAILED_PRECONDITION" => {
                "check the region and billing of the project that GEMINI_API_KEY belongs to"
                    .to_owned()
            }
            402 => "the account of GEMINI_API_KEY has no credit left".to_owned(),
            404 if self.has_error => {
                "the model is not offered to this key; set GEMINI_MODEL=gemini-3.5-flash-lite"
                    .to_owned()
            }
            300..=399 | 404 | 405 => {
                format!("check GEMINI_BASE_URL (the server answered {status})")
            }
            _ if says("hought signature") || says("thought_signature") => {
                "the provider refused the request's form (a thought signature)".to_owned()
            }
            _ => format!("the provider refused the request's form ({status} {word})"),
        }
    }
}

/// The error object of a body: bare, or in an array of one as Google sends it.
fn error_of(body: &Value) -> Option<&Value> {
    let body = body.as_array().and_then(|items| items.first()).unwrap_or(body);
    body.get("error").filter(|error| error.is_object() || error.is_string())
}

/// The status that an error would have had, had it come in time.
fn status_of(error: &Value, word: &str) -> u16 {
    let code = error.get("code");
    let number = code.and_then(Value::as_u64).or_else(|| code?.as_str()?.parse().ok());
    let status = number.and_then(|code| u16::try_from(code).ok());
    status.filter(|code| (400..600).contains(code)).unwrap_or(match word {
        "INVALID_ARGUMENT" | "invalid_request_error" => 400,
        "RESOURCE_EXHAUSTED" | "rate_limit_error" => 429,
        "UNAVAILABLE" => 503,
        "DEADLINE_EXCEEDED" => 504,
        _ => 500,
    })
}

fn plain_word(word: &str) -> String {
    let is_plain = word.len() <= 40 && word.chars().all(|c| c.is_ascii_alphabetic() || c == '_');
    if is_plain { word.to_owned() } else { String::new() }
}

fn named_in(headers: &HeaderMap) -> Option<Duration> {
    let value = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let seconds = value.parse().ok().and_then(seconds);
    seconds.or_else(|| {
        let until = rfc2822::parse(value).ok()?.timestamp();
        Duration::try_from(until.duration_since(Timestamp::now()))
            .ok()
            .map(|d| d.min(LONGEST_PAUSE))
    })
}

/// `Please retry in 33.82s.`, `Please try again in 1m30s`.
fn in_words(message: &str) -> Option<Duration> {
    let (_, rest) =
        message.split_once("retry in ").or_else(|| message.split_once("try again in "))?;
    span(rest.split_whitespace().next()?.trim_end_matches('.'))
}

/// `39s`, `45.837906927s`, `1m30s`, `250ms`.
fn span(text: &str) -> Option<Duration> {
    let (mut rest, mut total) = (text, 0.0);
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, tail) = rest.split_at(digits);
        let letters = tail.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(letters);
        total += number.parse::<f64>().ok()? * unit_seconds(unit)?;
        rest = tail;
    }
    if text.is_empty() { None } else { seconds(total) }
}

fn unit_seconds(unit: &str) -> Option<f64> {
    match unit {
        "ms" => Some(0.001),
        "s" => Some(1.0),
        "m" => Some(60.0),
        "h" => Some(3600.0),
        _ => None,
    }
}

fn seconds(seconds: f64) -> Option<Duration> {
    let longest = LONGEST_PAUSE.as_secs_f64();
    Duration::try_from_secs_f64(seconds.min(longest)).ok()
}

fn too_large() -> ModelError {
    ModelError::Failed("the conversation is longer than the model takes".to_owned())
}
