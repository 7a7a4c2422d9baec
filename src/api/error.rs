//! Refusals before the first byte: `application/problem+json`, in one table (ADR 7).

use std::borrow::Cow;
use std::slice;
use std::time::Duration;

use axum::Json;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::http::rate_limit;
use super::intake::refused;
use super::reload::NotReloaded;
use super::wires::unoffered::TYPES;
use base::domain::Outcome;
use chat::{Allowance, BeginError, PromptRefusal, ThreadsError};

/// The kind of problem that the draft of the `RateLimit` headers registers.
const QUOTA_EXCEEDED: &str = "https://iana.org/assignments/http-problem-types#quota-exceeded";

/// Every refusal that a client can get. None contains what the client sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum ApiError {
    #[error(
        "There is nothing at this address. There are GET /, POST /chatkit, POST /chat, GET /models, GET /prompts, GET /usage, POST /sign-out, GET /health, GET /health/live and GET /health/ready."
    )]
    UnknownPath,
    #[error(
        "There is nothing at this address. On this port there are GET /health, GET /health/live, GET /health/ready and POST /admin/reload."
    )]
    UnknownPrivatePath,
    #[error(
        "This server does not answer to this host name. Its operator can add it to ALLOWED_HOSTS."
    )]
    UnknownHost,
    #[error("Say who you are: send the header authorization: Bearer, with your key or token.")]
    NoCredential,
    #[error("The header authorization must be: Bearer, a space, and your key or token.")]
    NotABearer,
    #[error(
        "This key or token is not accepted: it is unknown, has expired, or is for another server. The server's log says which."
    )]
    WrongCredential,
    #[error("This key or token does not allow to chat. Ask for one with the scope chat.")]
    NotAllowed,
    #[error("Tokens cannot be checked right now. Try again in {} s.", seconds(.retry_in))]
    CannotCheck { retry_in: Duration },
    #[error(transparent)]
    NotReloaded(NotReloaded),
    #[error("This address does not accept this method.")]
    WrongMethod,
    #[error("The body must be JSON: send the header content-type: application/json.")]
    NotJsonType,
    #[error("The body must be UTF-8: send no other charset in the header content-type.")]
    WrongCharset,
    #[error(
        "The body must not be compressed: send no header content-encoding, and no transfer-encoding but chunked."
    )]
    WrongEncoding,
    #[error("Of the header expect this server knows 100-continue alone.")]
    UnknownExpectation,
    #[error("The body is larger than {limit} bytes.")]
    TooLarge { limit: usize },
    #[error("The body did not arrive in time. Send the request again.")]
    TooSlow,
    #[error("The body broke off or could not be read. Send the request again.")]
    Unreadable,
    #[error("The body is not valid UTF-8.")]
    NotUtf8,
    #[error("The body is not valid JSON (line {line}, column {column}).")]
    NotJson { line: usize, column: usize },
    #[error("{}", misshapen(.0))]
    WrongForm(BrokenRule),
    #[error("This server does not know this type of request. There are: {}.", TYPES.join(", "))]
    UnknownType,
    #[error("{}", summary(.0))]
    Rules(Vec<BrokenRule>),
    #[error("There is no tool server of this name at which callers sign in.")]
    UnknownServer,
    #[error("There is no such thread. Begin a new one.")]
    UnknownThread,
    #[error("There is no such item in this thread.")]
    UnknownItem,
    #[error("Only a message of the user can be answered again.")]
    NotAMessage,
    #[error("This item does not wait for answers, or no longer.")]
    NotWaiting,
    #[error("This server does not offer {what} yet.")]
    NotOffered { what: &'static str, streams: bool },
    #[error("This idempotency key was used for another request. Use a new one.")]
    KeyReused,
    #[error("An answer is still being written in this thread. Try again when it is done.")]
    Crowded,
    #[error("The page marker `after` is unknown. Ask for the list again without it.")]
    UnknownCursor,
    #[error("This thread does not accept messages any more. Begin a new one.")]
    Locked,
    #[error("Too many answers are being written right now. Try again in a few seconds.")]
    Busy,
    #[error("{}", .0.told())]
    OverLimit(Allowance),
    /// All slots for requests, or our connections to the store, are in use.
    #[error("Too many requests are being answered right now. Try again in a few seconds.")]
    NoRoom,
    #[error("Too many lists are being read right now. Try again in a few seconds.")]
    ManyLists,
    #[error("The server is restarting. Try again in a few seconds.")]
    Draining,
    #[error("The model is not available right now. Try again in {} s.", seconds(.retry_in))]
    ModelDown { retry_in: Duration },
    #[error("The conversation store is not available right now. Try again in a few seconds.")]
    StoreDown,
    #[error(
        "The database is being prepared, which may take minutes after an update. Try again soon."
    )]
    StorePreparing,
    #[error("The server failed to handle this request. Try again.")]
    Internal,
}

/// One rule that a request breaks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct BrokenRule {
    /// JSON pointer to the fault.
    pub(super) pointer: String,
    /// Stable: clients may depend on it.
    pub(super) code: String,
    /// The sentence for people.
    pub(super) message: String,
}

impl BrokenRule {
    pub(super) fn new(pointer: String, code: &str, message: String) -> Self {
        Self { pointer, code: code.to_owned(), message }
    }
}

#[derive(Serialize)]
struct Problem<'a> {
    r#type: &'static str,
    title: &'a str,
    status: u16,
    detail: &'a str,
    /// The member that the ChatKit component shows (ADR 7).
    message: &'a str,
    code: &'static str,
    #[serde(skip_serializing_if = "<[BrokenRule]>::is_empty")]
    errors: &'a [BrokenRule],
    #[serde(rename = "violated-policies", skip_serializing_if = "Vec::is_empty")]
    violated_policies: Vec<&'static str>,
}

impl ApiError {
    fn parts(&self) -> (StatusCode, &'static str) {
        match self {
            Self::UnknownPath | Self::UnknownPrivatePath => (StatusCode::NOT_FOUND, "unknown_path"),
            Self::UnknownHost => (StatusCode::MISDIRECTED_REQUEST, "unknown_host"),
            Self::NoCredential => (StatusCode::UNAUTHORIZED, "no_credential"),
            Self::NotABearer => (StatusCode::UNAUTHORIZED, "not_a_bearer"),
            Self::WrongCredential => (StatusCode::UNAUTHORIZED, "wrong_credential"),
            Self::NotAllowed => (StatusCode::FORBIDDEN, "not_allowed"),
            Self::CannotCheck { .. } => (StatusCode::SERVICE_UNAVAILABLE, "cannot_check"),
            Self::NotReloaded(refusal) => refusal.parts(),
            Self::WrongMethod => (StatusCode::METHOD_NOT_ALLOWED, "wrong_method"),
            Self::NotJsonType => (StatusCode::UNSUPPORTED_MEDIA_TYPE, "not_json_type"),
            Self::WrongCharset => (StatusCode::UNSUPPORTED_MEDIA_TYPE, "wrong_charset"),
            Self::WrongEncoding => (StatusCode::UNSUPPORTED_MEDIA_TYPE, "wrong_encoding"),
            Self::UnknownExpectation => (StatusCode::EXPECTATION_FAILED, "unknown_expectation"),
            Self::TooLarge { .. } => (StatusCode::PAYLOAD_TOO_LARGE, "too_large"),
            Self::TooSlow => (StatusCode::REQUEST_TIMEOUT, "too_slow"),
            Self::Unreadable => (StatusCode::BAD_REQUEST, "unreadable"),
            Self::NotUtf8 => (StatusCode::BAD_REQUEST, "not_utf8"),
            Self::NotJson { .. } => (StatusCode::BAD_REQUEST, "not_json"),
            Self::WrongForm(_) => (StatusCode::UNPROCESSABLE_ENTITY, "wrong_form"),
            Self::UnknownType => (StatusCode::UNPROCESSABLE_ENTITY, "unknown_type"),
            Self::Rules(_) => (StatusCode::UNPROCESSABLE_ENTITY, "rules"),
            Self::UnknownServer => (StatusCode::NOT_FOUND, "unknown_server"),
            Self::UnknownThread => (StatusCode::NOT_FOUND, "unknown_thread"),
            Self::UnknownItem => (StatusCode::NOT_FOUND, "unknown_item"),
            Self::NotAMessage => (StatusCode::UNPROCESSABLE_ENTITY, "not_a_message"),
            Self::NotWaiting => (StatusCode::CONFLICT, "not_waiting"),
            Self::NotOffered { .. } => (StatusCode::UNPROCESSABLE_ENTITY, "not_offered"),
            Self::KeyReused => (StatusCode::CONFLICT, "key_reused"),
            Self::Crowded => (StatusCode::TOO_MANY_REQUESTS, "crowded"),
            Self::UnknownCursor => (StatusCode::NOT_FOUND, "unknown_cursor"),
            Self::Locked => (StatusCode::CONFLICT, "locked"),
            Self::Busy | Self::NoRoom | Self::ManyLists => (StatusCode::TOO_MANY_REQUESTS, "busy"),
            Self::OverLimit(_) => (StatusCode::TOO_MANY_REQUESTS, "over_limit"),
            Self::Draining => (StatusCode::SERVICE_UNAVAILABLE, "draining"),
            Self::ModelDown { .. } => (StatusCode::SERVICE_UNAVAILABLE, "model_down"),
            Self::StoreDown => (StatusCode::SERVICE_UNAVAILABLE, "store_down"),
            Self::StorePreparing => (StatusCode::SERVICE_UNAVAILABLE, "store_preparing"),
            Self::Internal => (StatusCode::INTERNAL_SERVER_ERROR, "internal"),
        }
    }

    pub(super) fn code(&self) -> &'static str {
        self.parts().1
    }

    /// The outcome for clients that must get the refusal as an event: of a 4xx they show only the
    /// status, and after a 5xx they repeat the request (ADR 7).
    pub(super) fn as_event(&self) -> Option<Outcome> {
        let (status, _) = self.parts();
        // Errors of the user become an event that says what to do (ADR 7).
        let is_blocked =
            matches!(self, Self::Rules(_) | Self::Locked | Self::NotOffered { streams: true, .. });
        if is_blocked {
            return Some(Outcome::Blocked);
        }
        let may_pass = status.is_server_error()
            || matches!(self, Self::Crowded | Self::Busy | Self::NoRoom | Self::OverLimit(_));
        may_pass.then_some(Outcome::Unavailable)
    }

    /// The limits of the caller that are reached.
    fn violated_policies(&self) -> Vec<&'static str> {
        let Self::OverLimit(allowance) = self else { return Vec::new() };
        allowance.used_up().map(|share| rate_limit::name(share.policy)).collect()
    }

    /// The limits of the caller, if they are why it is refused.
    pub(super) fn tell_limits(&self, headers: &mut HeaderMap) {
        if let Self::OverLimit(allowance) = self {
            rate_limit::tell(headers, allowance);
        }
    }

    /// What is wrong with the request, each fault with its place.
    pub(super) fn errors(&self) -> Cow<'_, [BrokenRule]> {
        if let Self::Rules(rules) | Self::NotReloaded(NotReloaded::Faulty(rules)) = self {
            return Cow::Borrowed(rules);
        }
        if let Self::WrongForm(rule) = self {
            return Cow::Borrowed(slice::from_ref(rule));
        }
        let rule = |place: &str| BrokenRule::new(place.to_owned(), self.code(), self.to_string());
        self.place().map(rule).into_iter().collect()
    }

    /// The place of the fault in the body, if it is always the same.
    fn place(&self) -> Option<&'static str> {
        if matches!(self, Self::NotUtf8 | Self::NotJson { .. }) {
            return Some("");
        }
        if matches!(self, Self::UnknownType | Self::NotOffered { .. }) {
            return Some("/type");
        }
        matches!(self, Self::NotAMessage).then_some("/params/item_id")
    }

    fn retry_after(&self) -> Option<u64> {
        if let Self::ModelDown { retry_in } | Self::CannotCheck { retry_in } = self {
            return Some(seconds(retry_in));
        }
        if let Self::OverLimit(allowance) = self {
            return Some(seconds(&allowance.retry_in()));
        }
        let passes = matches!(
            self,
            Self::Busy
                | Self::NoRoom
                | Self::ManyLists
                | Self::Crowded
                | Self::Draining
                | Self::StoreDown
                | Self::StorePreparing
        );
        passes.then_some(5)
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let (status, code) = self.parts();
        let message = self.to_string();
        let errors = self.errors();
        let violated_policies = self.violated_policies();
        let problem = Problem {
            r#type: if violated_policies.is_empty() { "about:blank" } else { QUOTA_EXCEEDED },
            title: status.canonical_reason().unwrap_or_default(),
            status: status.as_u16(),
            detail: &message,
            message: &message,
            code,
            errors: &errors,
            violated_policies,
        };
        let mut response = (status, Json(problem)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(seconds) = self.retry_after() {
            headers.insert(HeaderName::from_static("retry-after"), seconds.into());
        }
        self.tell_limits(headers);
        // The rest of the body is not read, so nothing else can come on this connection.
        if matches!(self, Self::TooLarge { .. } | Self::TooSlow | Self::Unreadable) {
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        if status == StatusCode::UNAUTHORIZED {
            let wrong = matches!(self, Self::WrongCredential);
            let challenge = if wrong { r#"Bearer error="invalid_token""# } else { "Bearer" };
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
        }
        refused::mark(&mut response, &self);
        response
    }
}

impl From<BeginError> for ApiError {
    fn from(error: BeginError) -> Self {
        match error {
            BeginError::UnknownThread => Self::UnknownThread,
            BeginError::Locked { .. } => Self::Locked,
            BeginError::UnknownItem => Self::UnknownItem,
            BeginError::NotAMessage => Self::NotAMessage,
            BeginError::NotWaiting => Self::NotWaiting,
            BeginError::KeyReused => Self::KeyReused,
            BeginError::Prompt(refusal) => Self::Rules(vec![unstarted(&refusal)]),
            BeginError::Crowded => Self::Crowded,
            BeginError::Broken => Self::Internal,
            BeginError::Busy => Self::Busy,
            BeginError::OverLimit(allowance) => Self::OverLimit(allowance),
            BeginError::Draining => Self::Draining,
            BeginError::Threads(error) => error.into(),
        }
    }
}

fn unstarted(refusal: &PromptRefusal) -> BrokenRule {
    let (pointer, code) = match refusal {
        PromptRefusal::Unknown => ("/prompt/name", "unknown_prompt"),
        PromptRefusal::Ambiguous(_) => ("/prompt/server", "ambiguous_prompt"),
        PromptRefusal::Missing(_) => ("/prompt/arguments", "missing"),
        PromptRefusal::Surplus(_) => ("/prompt/arguments", "unknown_argument"),
    };
    BrokenRule::new(pointer.to_owned(), code, refusal.to_string())
}

impl From<ThreadsError> for ApiError {
    fn from(error: ThreadsError) -> Self {
        match &error {
            ThreadsError::UnknownCursor => Self::UnknownCursor,
            ThreadsError::Lost => Self::UnknownThread,
            ThreadsError::Preparing => Self::StorePreparing,
            ThreadsError::Busy => Self::NoRoom,
            ThreadsError::Unavailable(_) => {
                // Logged here, where it is handled: the client is not told the cause (ADR 4).
                tracing::error!(error = &error as &dyn std::error::Error, "Store did not answer");
                Self::StoreDown
            }
        }
    }
}

fn misshapen(rule: &BrokenRule) -> String {
    let place =
        if rule.pointer.is_empty() { String::new() } else { format!(" at {}", rule.pointer) };
    format!("The request does not have the expected form{place}: {}", rule.message)
}

pub(super) fn summary(rules: &[BrokenRule]) -> String {
    let sentences: Vec<_> = rules.iter().map(|rule| rule.message.as_str()).collect();
    sentences.join(" ")
}

/// Whole seconds, rounded up: a client that waits for them is not refused again.
fn seconds(duration: &Duration) -> u64 {
    duration.as_secs() + u64::from(duration.subsec_nanos() > 0)
}
