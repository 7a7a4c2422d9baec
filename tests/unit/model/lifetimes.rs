//! What is said of a model whose end is announced, on both sides of the day.

use std::time::Duration;

use jiff::civil::date;
use orchestrator::domain::Secret;
use orchestrator::model::{Settings, Thinking, announced_end};
use orchestrator::outbound::Outbound;
use orchestrator::resilience::{BreakerSettings, GuardSettings};

#[test]
fn before_the_day_the_successor_is_named_and_from_it_on_who_answers() {
    let flash = settings("gemini-2.5-flash", None);

    let before = announced_end(&flash, date(2026, 11, 30)).unwrap();
    let after = announced_end(&flash, date(2026, 12, 1)).unwrap();

    let remedy = "set GEMINI_MODEL=gemini-3.5-flash-lite.";
    assert_eq!(before, format!("gemini-2.5-flash is announced to end on 2026-12-01: {remedy}"));
    let answers = "requests are answered by gemini-3.5-flash-lite";
    assert_eq!(after, format!("gemini-2.5-flash ended on 2026-12-01; {answers}: {remedy}"));
}

#[test]
fn a_fallback_is_told_where_it_is_configured() {
    let spare = settings("google/gemini-2.5-flash", Some("spare"));

    let told = announced_end(&spare, date(2026, 11, 30)).unwrap();

    let remedy = "set the model of spare in MODEL_FALLBACKS to gemini-3.5-flash-lite.";
    assert!(told.ends_with(remedy), "{told}");
}

#[test]
fn nothing_is_said_of_others() {
    for model in ["gemini-2.5-flash-lite", "gemini-3.5-flash-lite", "my-gemini-2.5-flash", ""] {
        assert_eq!(announced_end(&settings(model, None), date(2027, 1, 1)), None, "{model}");
    }
}

fn settings(model: &str, name: Option<&str>) -> Settings {
    let second = Duration::from_secs(1);
    Settings {
        name: name.map(str::to_owned),
        base_url: "http://localhost/v1".to_owned(),
        api_key: Secret::new(""),
        key_variable: None,
        family: model::ProviderFamily::Gemini,
        model: model.to_owned(),
        is_chosen: true,
        offline: false,
        first_event_timeout: second,
        stall_timeout: second,
        thinking: Thinking::Auto,
        prices: model::Prices::default(),
        guard: GuardSettings {
            breaker: BreakerSettings { max_failures: 1, cool_down: second },
            retries: 0,
            min_delay: second,
            max_delay: second,
            jitter: false,
        },
        outbound: Outbound::default(),
    }
}
