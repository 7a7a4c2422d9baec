//! How much a model may think, in the parameters of its family and version.

use serde_json::{Map, Value, json};

use crate::provider_family::ProviderFamily;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Thinking {
    /// Not at all, or as little as the model can.
    Off,
    /// The model decides.
    #[default]
    Auto,
    Low,
    Medium,
    High,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum ThinkingFields {
    Nothing,
    /// In Google's part of the body, which also asks for the thoughts.
    Google(Value),
    /// In the field of all others.
    Effort(&'static str),
}

/// A Gemini behind a server of the other family gets that family's parameters.
pub(crate) fn say(family: ProviderFamily, model: &str, thinking: Thinking) -> ThinkingFields {
    let version = gemini_version(model).filter(|_| family == ProviderFamily::Gemini);
    let Some(version) = version else { return effort(thinking) };
    if version.starts_with("1.") || version.starts_with("2.0") {
        return ThinkingFields::Nothing; // They cannot think, and refuse to hear of it.
    }
    let limit = if version.starts_with('2') {
        budget(thinking, version.contains("pro")).map(|tokens| ("thinking_budget", json!(tokens)))
    } else {
        level(thinking, version).map(|level| ("thinking_level", json!(level)))
    };
    let shows = ("include_thoughts", json!(thinking != Thinking::Off));
    let config: Map<_, _> =
        [shows].into_iter().chain(limit).map(|(key, value)| (key.to_owned(), value)).collect();
    ThinkingFields::Google(json!({ "google": { "thinking_config": config } }))
}

/// What follows `gemini-` in the name.
pub(crate) fn gemini_version(model: &str) -> Option<&str> {
    model.split_once("gemini-").map(|(_, version)| version)
}

fn effort(thinking: Thinking) -> ThinkingFields {
    match thinking {
        Thinking::Off | Thinking::Auto => ThinkingFields::Nothing,
        Thinking::Low => ThinkingFields::Effort("low"),
        Thinking::Medium => ThinkingFields::Effort("medium"),
        Thinking::High => ThinkingFields::Effort("high"),
    }
}

/// The tokens that Google's own API uses for each effort of 2.5.
const fn budget(thinking: Thinking, is_pro: bool) -> Option<u32> {
    match thinking {
        Thinking::Auto => None,
        Thinking::Off if is_pro => Some(128), // It cannot do without.
        Thinking::Off => Some(0),
        Thinking::Low => Some(1_024),
        Thinking::Medium => Some(8_192),
        Thinking::High => Some(24_576),
    }
}

/// Up to 3.6 the flash models know `minimal`; the others have nothing below `low`.
fn level(thinking: Thinking, version: &str) -> Option<&'static str> {
    let minor = version.strip_prefix("3.").and_then(|rest| rest.split('-').next()?.parse().ok());
    let knows_minimal = minor.is_some_and(|minor: u32| minor <= 6) && version.contains("flash");
    match thinking {
        Thinking::Auto => None,
        Thinking::Off if knows_minimal => Some("minimal"),
        Thinking::Off | Thinking::Low => Some("low"),
        Thinking::Medium => Some("medium"),
        Thinking::High => Some("high"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_is_told_a_budget() {
        let told = |thinking| say(ProviderFamily::Gemini, "models/gemini-2.5-flash", thinking);

        assert_eq!(told(Thinking::Auto), google(json!({ "include_thoughts": true })));
        for (thinking, tokens) in
            [(Thinking::Low, 1_024), (Thinking::Medium, 8_192), (Thinking::High, 24_576)]
        {
            let expected = json!({ "include_thoughts": true, "thinking_budget": tokens });
            assert_eq!(told(thinking), google(expected));
        }
        let off = |tokens| google(json!({ "include_thoughts": false, "thinking_budget": tokens }));
        assert_eq!(told(Thinking::Off), off(0));
        assert_eq!(say(ProviderFamily::Gemini, "gemini-2.5-pro", Thinking::Off), off(128));
    }

    #[test]
    fn three_is_told_a_level_that_it_knows() {
        let off =
            |level: &str| google(json!({ "include_thoughts": false, "thinking_level": level }));

        for (model, least) in [
            ("gemini-3.5-flash-lite", "minimal"),
            ("gemini-3.6-flash", "minimal"),
            ("gemini-3.8-flash", "low"),
            ("gemini-3-pro", "low"),
        ] {
            assert_eq!(say(ProviderFamily::Gemini, model, Thinking::Off), off(least), "{model}");
            let high = json!({ "include_thoughts": true, "thinking_level": "high" });
            assert_eq!(say(ProviderFamily::Gemini, model, Thinking::High), google(high), "{model}");
        }
    }

    #[test]
    fn others_are_told_an_effort_or_nothing() {
        for model in ["gpt-5", "google/gemini-3.5-flash"] {
            let told = say(ProviderFamily::OpenAi, model, Thinking::Medium);
            assert_eq!(told, ThinkingFields::Effort("medium"), "{model}");
        }
        for (family, model, thinking) in [
            (ProviderFamily::OpenAi, "qwen3", Thinking::Auto),
            (ProviderFamily::OpenAi, "qwen3", Thinking::Off),
            (ProviderFamily::Gemini, "gemini-2.0-flash", Thinking::High),
        ] {
            assert_eq!(say(family, model, thinking), ThinkingFields::Nothing, "{model}");
        }
    }

    fn google(config: Value) -> ThinkingFields {
        ThinkingFields::Google(json!({ "google": { "thinking_config": config } }))
    }
}
