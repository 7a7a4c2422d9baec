//! Which family a server belongs to.

use orchestrator::model::ProviderFamily;

const GOOGLE: &str = "https://generativelanguage.googleapis.com/v1beta/openai/";

#[test]
fn the_name_of_a_model_or_its_address_tells() {
    let table = [
        ("gemini-2.5-flash", "http://localhost:4000/v1", ProviderFamily::Gemini),
        ("models/gemini-3.8-flash", GOOGLE, ProviderFamily::Gemini),
        ("google/gemini-3.5-flash-lite", "https://openrouter.ai/api/v1", ProviderFamily::Gemini),
        ("gemma-3-27b-it", GOOGLE, ProviderFamily::Gemini),
        ("gpt-5", "https://api.openai.com/v1", ProviderFamily::OpenAi),
        ("qwen3", "http://localhost:11434/v1", ProviderFamily::OpenAi),
    ];

    for (model, base_url, family) in table {
        assert_eq!(ProviderFamily::guess(model, base_url), family, "{model} {base_url}");
    }
}

#[test]
fn settings_may_name_it() {
    assert_eq!(ProviderFamily::named("gemini"), Some(ProviderFamily::Gemini));
    assert_eq!(ProviderFamily::named("openai"), Some(ProviderFamily::OpenAi));
    assert_eq!(ProviderFamily::named("Gemini"), None);
}
