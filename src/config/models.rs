//! The model and its fallbacks.

use super::address::plain_url;
use super::env::Env;
use super::fallbacks::fallbacks;
use super::file::of_file;
use super::guard::guard;
use super::outbound::{check_url, outbound};
use super::variables::{
    GEMINI_API_KEY, GEMINI_BASE_URL, GEMINI_MODEL, MODEL_BREAKER_FAILURES, MODEL_BREAKER_SECONDS,
    MODEL_DIALECT, MODEL_PRICES, REQUEST_TIMEOUT_SECONDS, STALL_TIMEOUT_SECONDS, THINKING,
};
use crate::domain::Secret;
use crate::model::{Prices, ProviderFamily, Settings, Thinking};

/// What the base URL of a model must be.
pub(super) const BASE_URL: &str = "must be an http or https URL without user, query or fragment";

/// The first model, and its fallbacks in order.
pub(super) fn models(env: &mut Env) -> (Settings, Vec<Settings>) {
    let mut first = first(env);
    let fallbacks = fallbacks(env, &mut first);
    (first, fallbacks)
}

fn first(env: &mut Env) -> Settings {
    let api_key = env.text(&GEMINI_API_KEY);
    // The variable itself: a default is not a choice, so it may be replaced (ADR 17).
    let is_chosen = env.named(GEMINI_MODEL.name).is_some();
    let model = env.text(&GEMINI_MODEL).unwrap_or_default();
    let base_url = env.text(&GEMINI_BASE_URL).unwrap_or_default();
    match plain_url(&base_url) {
        None => env.fault(GEMINI_BASE_URL.name, BASE_URL),
        // Without a key it is not used.
        Some(url) if api_key.is_some() => check_url(env, GEMINI_BASE_URL.name, "", &url),
        Some(_) => {}
    }
    Settings {
        name: None,
        key_variable: None,
        family: family(env).unwrap_or_else(|| ProviderFamily::guess(&model, &base_url)),
        base_url,
        offline: api_key.is_none(),
        api_key: Secret::new(api_key.unwrap_or_default()),
        first_event_timeout: env.seconds(&REQUEST_TIMEOUT_SECONDS),
        stall_timeout: env.seconds(&STALL_TIMEOUT_SECONDS),
        thinking: thinking(env),
        prices: prices(env),
        model,
        is_chosen,
        guard: guard(env, &MODEL_BREAKER_FAILURES, &MODEL_BREAKER_SECONDS),
        outbound: outbound(env),
    }
}

fn family(env: &mut Env) -> Option<ProviderFamily> {
    env.word(
        &MODEL_DIALECT,
        &[("gemini", ProviderFamily::Gemini), ("openai", ProviderFamily::OpenAi)],
    )
}

fn prices(env: &mut Env) -> Prices {
    let Some(path) = env.text(&MODEL_PRICES) else { return Prices::default() };
    of_file(env, &MODEL_PRICES, &path, Prices::read).unwrap_or_default()
}

fn thinking(env: &mut Env) -> Thinking {
    let words = [
        ("off", Thinking::Off),
        ("auto", Thinking::Auto),
        ("low", Thinking::Low),
        ("medium", Thinking::Medium),
        ("high", Thinking::High),
    ];
    env.word(&THINKING, &words).unwrap_or_default()
}
