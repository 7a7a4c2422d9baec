//! Settings that cannot work are refused at start.

use std::time::Duration;

use orchestrator::domain::Secret;
use orchestrator::model::{OpenAiModel, Settings, SettingsError};
use orchestrator::outbound::Outbound;
use orchestrator::resilience::{BreakerSettings, GuardSettings};

#[test]
fn a_key_that_no_header_can_carry_is_refused_without_being_shown() {
    for key in ["secret\n", "sec\0ret", "geheimé\u{7f}"] {
        let refused = refusal(key, "https://example.test");
        assert_eq!(refused, Some(SettingsError::Key));
        let words = refused.unwrap().to_string();
        assert!(words.contains("GEMINI_API_KEY") && !words.contains("sec"), "{words}");
    }
}

#[test]
fn a_url_that_cannot_be_called_is_refused() {
    for url in [
        "",
        "example.test",
        "ftp://example.test",
        "https://u:p@example.test",
        "https://example.test?key=x",
        "unix:/x",
    ] {
        assert_eq!(refusal("key", url), Some(SettingsError::BaseUrl), "{url}");
    }
    assert_eq!(refusal("", "http://127.0.0.1:1/v1beta/openai/"), None);
}

fn refusal(key: &str, url: &str) -> Option<SettingsError> {
    let breaker = BreakerSettings { max_failures: 3, cool_down: Duration::from_mins(1) };
    let (min_delay, max_delay) = (Duration::from_millis(1), Duration::from_millis(1));
    let guard = GuardSettings { breaker, retries: 0, min_delay, max_delay, jitter: false };
    let settings = Settings {
        name: None,
        base_url: url.to_owned(),
        api_key: Secret::new(key),
        key_variable: None,
        family: model::ProviderFamily::Gemini,
        model: "m".to_owned(),
        is_chosen: true,
        offline: false,
        first_event_timeout: Duration::from_secs(1),
        stall_timeout: Duration::from_secs(1),
        thinking: model::Thinking::Auto,
        prices: model::Prices::default(),
        guard,
        outbound: Outbound::default(),
    };
    OpenAiModel::new(settings).err()
}
