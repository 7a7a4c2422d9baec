//! Checks a request as Gemini does, and refuses it in Gemini's words: a test double that accepts
//! more than the provider would hide faults.

mod messages;

mod schema;

mod signatures;

use axum::http::{HeaderMap, header};
use serde_json::Value;

use crate::emulation::gemini_refusal::GeminiRefusal;
use crate::emulation::knobs::{Flag, Knobs};
use crate::wire::ids::Ids;
use crate::wire::profile::{FLASH_2_5, FLASH_LITE_3_5, Generation, Profile, find};
use crate::wire::request::ChatRequest;

const TOP_LEVEL: &[&str] = &[
    "model",
    "messages",
    "tools",
    "tool_choice",
    "parallel_tool_calls",
    "stream",
    "stream_options",
    "max_tokens",
    "max_completion_tokens",
    "temperature",
    "top_p",
    "n",
    "stop",
    "response_format",
    "reasoning_effort",
    "extra_body",
    "user",
];

/// `bad` and `restricted` are keys for tests of these refusals.
pub(super) fn authorization(headers: &HeaderMap) -> Result<(), GeminiRefusal> {
    let value = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let key = value.and_then(|value| value.strip_prefix("Bearer ")).map(str::trim);
    match key {
        None | Some("") => Err(GeminiRefusal::of("e400_invalid_auth_header")),
        Some("bad") => Err(GeminiRefusal::of("e400_bad_key")),
        Some("restricted") => Err(GeminiRefusal::of("e403_permission")),
        Some(_) => Ok(()),
    }
}

pub(super) fn fields(body: &Value) -> Result<(), GeminiRefusal> {
    let unknown = |object: &Value, known: &[&str]| {
        let keys = object.as_object().into_iter().flat_map(|object| object.keys());
        keys.into_iter().find(|key| !known.contains(&key.as_str())).cloned()
    };
    let extra = body.get("extra_body").and_then(|extra| unknown(extra, &["google"]));
    match unknown(body, TOP_LEVEL).or(extra) {
        Some(field) => Err(GeminiRefusal::of("e400_unknown_field").with("field", &field)),
        None => Ok(()),
    }
}

/// The model that answers. A scenario name stands for the old default.
pub(super) fn model(name: &str, knobs: &Knobs) -> Result<&'static Profile, GeminiRefusal> {
    if name.starts_with("fake:") {
        return Ok(&FLASH_2_5);
    }
    let bare = name.strip_prefix("models/").unwrap_or(name);
    let found = find(bare).ok_or_else(|| GeminiRefusal::of("e404_model").with("model", bare))?;
    if found.name != FLASH_2_5.name {
        return Ok(found);
    }
    if knobs.has(Flag::NewKey) {
        return Err(GeminiRefusal::of("e404_new_users").with("model", bare));
    }
    Ok(if knobs.has(Flag::AfterShutdown) { &FLASH_LITE_3_5 } else { found })
}

pub(super) fn request(
    request: &ChatRequest,
    profile: &Profile,
    knobs: &Knobs,
    ids: &Ids,
) -> Result<(), GeminiRefusal> {
    effort(request, profile)?;
    messages::check(request, profile, knobs)?;
    if profile.generation == Generation::Three {
        signatures::check(request, ids)?;
    }
    if knobs.has(Flag::LenientSchema) { Ok(()) } else { schema::check(request.tools()) }
}

fn effort(request: &ChatRequest, profile: &Profile) -> Result<(), GeminiRefusal> {
    let Some(effort) = request.reasoning_effort.as_deref() else { return Ok(()) };
    let config =
        request.extra_body.as_ref().and_then(|body| body.pointer("/google/thinking_config"));
    if config.is_some() {
        return Err(GeminiRefusal::saying(
            "Expected one of either `reasoning_effort` or custom `thinking_config`; found both.",
        ));
    }
    if profile.efforts.contains(&effort) {
        return Ok(());
    }
    Err(match profile.generation {
        Generation::Two => GeminiRefusal::of("e400_reasoning_effort")
            .with("effort", effort)
            .with("efforts", &profile.efforts.join(", ")),
        Generation::Three => {
            GeminiRefusal::of("e400_thinking_level").with("effort", &effort.to_uppercase())
        }
    })
}
