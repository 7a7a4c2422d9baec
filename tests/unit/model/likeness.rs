//! Names that mean one model, and names that do not.

use orchestrator::model::may_be;

#[test]
fn decorations_alarm_nobody() {
    for (asked, said) in [
        ("gemini-2.5-flash", "gemini-2.5-flash"),
        ("gemini-2.5-flash", "models/gemini-2.5-flash"),
        ("models/gemini-2.5-flash", "gemini-2.5-flash"),
        ("google/gemini-2.5-flash", "gemini-2.5-flash"),
        ("google/gemini-2.5-flash:free", "google/gemini-2.5-flash"),
        ("gemini-2.0-flash", "gemini-2.0-flash-001"),
        ("gemini-2.0-flash-001", "gemini-2.0-flash"),
        ("gemini-2.5-flash", "gemini-2.5-flash-preview-09-2025"),
        ("gemini-flash-latest", "gemini-3.8-flash"),
        ("openrouter/auto", "openai/gpt-5"),
        ("gpt-4o", "gpt-4o-2024-08-06"),
        ("gpt-3.5-turbo", "gpt-35-turbo"),
        ("anthropic/claude-3.5-sonnet", "claude-3-5-sonnet-20241022"),
        ("qwen3", "qwen3:latest"),
        ("Qwen/Qwen3-8B", "qwen3-8b"),
    ] {
        assert!(may_be(asked, said), "{asked} {said}");
    }
}

#[test]
fn another_model_is_another_model() {
    for (asked, said) in [
        ("gemini-2.5-flash", "gemini-3.5-flash-lite"),
        ("gemini-2.5-flash", "gemini-2.5-flash-lite"),
        ("gemini-2.5-flash", "gemini-2.5-pro"),
        ("gpt-5", "gpt-5.1"),
        ("gpt-5", "gpt-5-mini"),
        ("gpt-4", "gpt-4-32k"),
        ("qwen3", "llama3"),
        ("gemini-2.5-flash", "001"),
        ("gemini-2.5-flash", ""),
    ] {
        assert!(!may_be(asked, said), "{asked} {said}");
    }
}
