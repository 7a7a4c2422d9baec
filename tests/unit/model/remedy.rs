//! The variable that an operator is sent to, for the first model and for others.

use std::time::Duration;

use orchestrator::domain::Secret;
use orchestrator::model::{ProviderFamily, Remedy, Settings, Thinking};
use orchestrator::outbound::{NotAllowed, Outbound};
use orchestrator::resilience::{BreakerSettings, GuardSettings};

#[test]
fn the_first_model_is_set_up_in_variables() {
    for (remedy, part) in [
        (Remedy::Key(401), "check GEMINI_API_KEY (the provider answered 401)"),
        (Remedy::UnknownKey, "check GEMINI_API_KEY"),
        (Remedy::Billing, "the region and billing of the project behind GEMINI_API_KEY"),
        (Remedy::Credit, "GEMINI_API_KEY has no credit left"),
        (Remedy::DayQuota, "the quota of the day of GEMINI_API_KEY is spent"),
        (Remedy::Model, "set GEMINI_MODEL=gemini-3.5-flash-lite"),
        (Remedy::Address(404), "check GEMINI_BASE_URL (the server answered 404)"),
        (
            Remedy::NotAllowed(NotAllowed::LinkLocal),
            "change GEMINI_BASE_URL: its host leads to a link-local",
        ),
        (Remedy::Thinking, "set THINKING=auto"),
        (Remedy::Dialect("extra_body"), "extra_body; set MODEL_DIALECT=openai"),
        (Remedy::Signature, "a thought signature"),
        (Remedy::Form(400, "INVALID_ARGUMENT".to_owned()), "(400 INVALID_ARGUMENT)"),
    ] {
        let words = remedy.words(&settings(None, None));
        assert!(words.contains(part) && !words.contains("MODEL_FALLBACKS"), "{words}");
    }
}

#[test]
fn a_model_that_stands_in_is_named_with_its_entry_and_its_own_key() {
    let local = settings(Some("local"), Some("LOCAL_KEY"));
    for (remedy, part) in [
        (Remedy::Key(401), "check LOCAL_KEY, the key of local in MODEL_FALLBACKS"),
        (Remedy::UnknownKey, "check LOCAL_KEY"),
        (Remedy::Billing, "LOCAL_KEY"),
        (Remedy::Credit, "LOCAL_KEY"),
        (Remedy::DayQuota, "LOCAL_KEY"),
        (Remedy::Model, "change the model of local in MODEL_FALLBACKS"),
        (Remedy::Address(404), "check the base_url of local in MODEL_FALLBACKS"),
        (
            Remedy::NotAllowed(NotAllowed::Private),
            "change the base_url of local in MODEL_FALLBACKS: ",
        ),
        (Remedy::Dialect("extra_body"), "set the dialect of local in MODEL_FALLBACKS to openai"),
    ] {
        let words = remedy.words(&local);
        assert!(words.contains(part) && !words.contains("GEMINI"), "{words}");
    }
    let words = Remedy::Key(401).words(&settings(Some("local"), None));
    assert!(words.contains("the missing api_key_env of local in MODEL_FALLBACKS"), "{words}");
}

#[test]
fn no_model_of_googles_is_recommended_to_others() {
    let ollama = Settings { family: ProviderFamily::OpenAi, ..settings(None, None) };

    let words = Remedy::Model.words(&ollama);

    assert!(words.contains("change GEMINI_MODEL") && !words.contains("flash"), "{words}");
}

fn settings(name: Option<&str>, key_variable: Option<&str>) -> Settings {
    let moment = Duration::from_secs(1);
    let breaker = BreakerSettings { max_failures: 3, cool_down: moment };
    Settings {
        name: name.map(str::to_owned),
        base_url: "http://localhost/v1".to_owned(),
        api_key: Secret::new("key"),
        key_variable: key_variable.map(str::to_owned),
        family: ProviderFamily::Gemini,
        model: "m".to_owned(),
        is_chosen: true,
        offline: false,
        first_event_timeout: moment,
        stall_timeout: moment,
        thinking: Thinking::Auto,
        prices: model::Prices::default(),
        guard: GuardSettings {
            breaker,
            retries: 0,
            min_delay: moment,
            max_delay: moment,
            jitter: false,
        },
        outbound: Outbound::default(),
    }
}
