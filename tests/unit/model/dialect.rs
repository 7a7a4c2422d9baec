//! Which family a server belongs to.

use orchestrator::model::Dialect;

const GOOGLE: &str = "https://generativelanguage.googleapis.com/v1beta/openai/";

#[test]
fn the_name_of_a_model_or_its_address_tells() {
    let table = [
        ("gemini-2.5-flash", "http://localhost:4000/v1", Dialect::Gemini),
        ("models/gemini-3.8-flash", GOOGLE, Dialect::Gemini),
        ("google/gemini-3.5-flash-lite", "https://openrouter.ai/api/v1", Dialect::Gemini),
        ("gemma-3-27b-it", GOOGLE, Dialect::Gemini),
        ("gpt-5", "https://api.openai.com/v1", Dialect::OpenAi),
        ("qwen3", "http://localhost:11434/v1", Dialect::OpenAi),
    ];

    for (model, base_url, dialect) in table {
        assert_eq!(Dialect::guess(model, base_url), dialect, "{model} {base_url}");
    }
}

#[test]
fn settings_may_name_it() {
    assert_eq!(Dialect::named("gemini"), Some(Dialect::Gemini));
    assert_eq!(Dialect::named("openai"), Some(Dialect::OpenAi));
    assert_eq!(Dialect::named("Gemini"), None);
}
