//! `MODEL_FALLBACKS`: the fallback models, as a JSON list (ADR 15).

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

use super::address::plain_url;
use super::env::Env;
use super::models::BASE_URL;
use super::outbound::check_url;
use super::variables::MODEL_FALLBACKS;
use crate::domain::Secret;
use crate::model::{self, ProviderFamily};

/// More than any user would wait for.
const MAX_FALLBACKS: usize = 5;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fallback {
    name: String,
    base_url: String,
    model: String,
    /// The name of the variable with the key, so that the list contains no secret.
    #[serde(default)]
    api_key_env: Option<String>,
    #[serde(default, deserialize_with = "dialect")]
    dialect: Option<ProviderFamily>,
}

/// Reads the list. Each model has the limits of the first. One with a fallback behind it is not
/// retried: the fallback is the second try (ADR 15).
pub(super) fn fallbacks(env: &mut Env, first: &mut model::Settings) -> Vec<model::Settings> {
    let Some(text) = env.text(&MODEL_FALLBACKS) else { return Vec::new() };
    let Some(entries) = read(&text) else {
        env.fault(MODEL_FALLBACKS.name, EXPECTED);
        return Vec::new();
    };
    // Users choose a model by these names (ADR 17).
    if entries.iter().any(|one| one.name == first.id()) {
        env.fault(MODEL_FALLBACKS.name, "names a model like GEMINI_MODEL: people choose by names");
    }
    let mut models: Vec<_> = entries.into_iter().map(|one| settings(env, one, first)).collect();
    let Some((final_one, others)) = models.split_last_mut() else { return models };
    final_one.guard.retries = first.guard.retries;
    for model in others.iter_mut().chain([first]) {
        model.guard.retries = 0;
    }
    models
}

const EXPECTED: &str = "must be a JSON list of at most 5 objects with name, base_url, model and, \
    if it needs a key, api_key_env (the variable that holds it) and, if it cannot be recognised, \
    dialect (gemini or openai); names differ and have letters, digits, - and _";

fn read(text: &str) -> Option<Vec<Fallback>> {
    let list: Vec<Fallback> = serde_json::from_str(text).ok()?;
    let is_name = |name: &str| {
        (1..=40).contains(&name.len())
            && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
    };
    let mut names: Vec<_> = list.iter().map(|one| one.name.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    let fine = names.len() == list.len() && list.len() <= MAX_FALLBACKS;
    let fine = fine && list.iter().all(|one| is_name(&one.name) && !one.model.trim().is_empty());
    Some(list).filter(|_| fine)
}

fn dialect<'de, D: Deserializer<'de>>(from: D) -> Result<Option<ProviderFamily>, D::Error> {
    let name = String::deserialize(from)?;
    ProviderFamily::named(&name).map(Some).ok_or_else(|| D::Error::custom("no dialect"))
}

fn settings(env: &mut Env, fallback: Fallback, first: &model::Settings) -> model::Settings {
    let key = match &fallback.api_key_env {
        None => String::new(),
        Some(variable) => env.named(variable).unwrap_or_else(|| {
            let what = format!("names {variable} as the key of {}, which is unset", fallback.name);
            env.fault(MODEL_FALLBACKS.name, what);
            String::new()
        }),
    };
    match plain_url(&fallback.base_url) {
        None => {
            env.fault(MODEL_FALLBACKS.name, format!("has a base_url that is none: it {BASE_URL}"));
        }
        Some(url) => {
            let what = format!("has {}, whose base_url ", fallback.name);
            check_url(env, MODEL_FALLBACKS.name, &what, &url);
        }
    }
    let guessed = || ProviderFamily::guess(&fallback.model, &fallback.base_url);
    model::Settings {
        family: fallback.dialect.unwrap_or_else(guessed),
        key_variable: fallback.api_key_env,
        name: Some(fallback.name),
        base_url: fallback.base_url,
        api_key: Secret::new(&key),
        model: fallback.model,
        // A model that the operator named is never replaced by its successor (ADR 17).
        is_chosen: true,
        offline: false,
        ..first.clone()
    }
}
