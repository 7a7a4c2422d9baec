//! Reads a provider's refusal (status, headers, body) into a failure. Dialects differ, so it looks
//! at words as well as at codes.

use std::time::Duration;

use reqwest::header::HeaderMap;
use serde_json::Value;

use super::failure::{ANSWERED, Failure, unavailable};
use super::pause;
use super::remedy::Remedy;
use base::agents::ModelError;
use base::resilience::Verdict;

const KEY_WORDS: [&str; 2] = ["API key", "Authorization header"];
const SIGNATURE_WORDS: [&str; 2] = ["hought signature", "thought_signature"];
const THINKING_WORDS: [&str; 3] = ["reasoning_effort", "hinking level", "thinking_"];
/// Fields of our requests that only Google accepts, by the words of a refusal. Proxies lift the
/// content out of `extra_body`, and Google then refuses `google` as an unknown name.
const GOOGLES_FIELDS: [(&str, &str); 4] = [
    ("extra_body", "extra_body"),
    ("extra_content", "extra_content"),
    ("Unknown name \"google", "google"),
    ("Unknown name \\\"google", "google"),
];

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProviderRefusal {
    status: u16,
    /// The provider's code, such as `INVALID_ARGUMENT`.
    word: String,
    message: String,
    pause: Option<Duration>,
    has_error: bool,
    is_key: bool,
    spent: Option<Spent>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Spent {
    /// The daily quota. Google names a pause of seconds with it, which does not help.
    Day,
    Credit,
}

impl ProviderRefusal {
    /// Reads an HTTP answer without success.
    pub fn read(status: u16, headers: &HeaderMap, body: &[u8]) -> Self {
        let body = serde_json::from_slice(body).unwrap_or(Value::Null);
        let mut refused = error_of(&body).map(Self::of).unwrap_or_default();
        refused.status = status;
        let guess = || pause::until_reset(headers).filter(|_| status == 429);
        // Explicit header, then the body's words, then a guess: some send reset times of minutes
        // with a 429 that says "try again in 1.2s".
        refused.pause = pause::ordered(headers).or(refused.pause).or_else(guess);
        refused
    }

    /// Reads an error that came with status 200.
    pub fn in_stream(chunk: &Value) -> Option<Self> {
        error_of(chunk).map(Self::of)
    }

    /// Whether the key is wrong, not the request.
    pub(crate) fn is_about_the_key(&self) -> bool {
        let says = |part: &&str| self.message.contains(part);
        self.status == 401 || self.is_key || KEY_WORDS.iter().any(says)
    }

    pub fn failure(&self) -> Failure {
        let credit = || Failure::spent("its account's credit", Remedy::Credit);
        match self.status {
            _ if self.spent == Some(Spent::Day) => {
                Failure::spent("its quota of the day", Remedy::DayQuota)
            }
            _ if self.spent == Some(Spent::Credit) => credit(),
            402 => credit(),
            429 => Failure {
                verdict: Verdict::Busy(self.pause),
                ..Failure::answered(unavailable("it asks to slow down", self.pause))
            }
            .again_after(self.pause),
            // From 520 on: a CDN in front of a provider that does not answer or is busy.
            408 | 500 | 502..=504 | 520..=524 | 529 => self.down().again_after(self.pause),
            // Other 5xx (501, 505) do not change when the request is sent again.
            status if status >= 500 => self.down(),
            413 => Failure::answered(too_large()),
            _ if self.message.contains("token count") => Failure::answered(too_large()),
            _ => Failure::misconfigured(self.remedy()),
        }
    }

    fn of(error: &Value) -> Self {
        let text = |key: &str| error.get(key).and_then(Value::as_str).unwrap_or_default();
        let message = error.as_str().unwrap_or_else(|| text("message")).to_owned();
        let word = if text("status").is_empty() { text("type") } else { text("status") };
        let mut refused = Self { word: plain_word(word), has_error: true, ..Self::default() };
        refused.status = status_of(error, &refused.word);
        refused.pause = pause::in_words(&message);
        let is_credit = [text("code"), text("type")].contains(&"insufficient_quota");
        refused.spent = is_credit.then_some(Spent::Credit);
        refused.message = message;
        for detail in error.get("details").and_then(Value::as_array).into_iter().flatten() {
            refused.read_detail(detail);
        }
        refused
    }

    fn read_detail(&mut self, detail: &Value) {
        let text = |key: &str| detail.get(key).and_then(Value::as_str);
        self.pause = text("retryDelay").and_then(pause::duration_of).or(self.pause);
        self.is_key |= text("reason") == Some("API_KEY_INVALID");
        let violations = detail.get("violations").and_then(Value::as_array);
        let is_day = violations.into_iter().flatten().any(|violation| {
            let quota = violation.get("quotaId").and_then(Value::as_str);
            quota.is_some_and(|quota| quota.contains("PerDay"))
        });
        self.spent = if is_day { Some(Spent::Day) } else { self.spent };
    }

    fn down(&self) -> Failure {
        Failure::ill(unavailable(&format!("{ANSWERED} {}", self.status), self.pause))
    }

    fn remedy(&self) -> Remedy {
        let says = |part: &&str| self.message.contains(part);
        match self.status {
            status @ (401 | 403) => Remedy::Key(status),
            400 if self.is_about_the_key() => Remedy::UnknownKey,
            400 if self.word == "FAILED_PRECONDITION" => Remedy::Billing,
            404 if self.has_error => Remedy::Model,
            status @ (300..=399 | 404 | 405) => Remedy::Address(status),
            _ if SIGNATURE_WORDS.iter().any(says) => Remedy::Signature,
            _ if THINKING_WORDS.iter().any(says) => Remedy::Thinking,
            status => match GOOGLES_FIELDS.into_iter().find(|(words, _)| says(words)) {
                Some((_, field)) => Remedy::Dialect(field),
                None => Remedy::Form(status, self.word.clone()),
            },
        }
    }
}

/// The error object of a body: alone, or in an array as Google sends it.
fn error_of(body: &Value) -> Option<&Value> {
    let body = body.as_array().and_then(|items| items.first()).unwrap_or(body);
    body.get("error").filter(|error| error.is_object() || error.is_string())
}

/// The status that an error in a stream would have had before the first byte.
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

// This goes to the log: only a code may pass, because free text may quote the conversation.
fn plain_word(word: &str) -> String {
    let is_plain = word.len() <= 40 && word.chars().all(|c| c.is_ascii_alphabetic() || c == '_');
    if is_plain { word.to_owned() } else { String::new() }
}

fn too_large() -> ModelError {
    ModelError::Failed("the conversation is longer than the model takes".to_owned())
}
