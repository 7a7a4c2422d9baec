//! What the log says of models that are not what was asked for.

use orchestrator::demo::{EmulateSettings, Flag, Knobs, Settings};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::model_server::{ModelServer, echo};
use crate::support::process::{Running, ask};

#[tokio::test(flavor = "multi_thread")]
async fn an_end_a_gap_in_the_list_and_another_voice_are_told_in_the_log() {
    let mut knobs = Knobs::default();
    knobs.flags.insert(Flag::AfterShutdown);
    let emulation = EmulateSettings { knobs, ..EmulateSettings::default() };
    let provider = ModelServer::start(Settings::emulate(echo, emulation)).await;
    let spare = json!([{ "name": "spare", "base_url": provider.base_url, "model": "gemini-9",
        "api_key_env": "GEMINI_API_KEY" }]);
    let spare = spare.to_string();
    let env = [
        ("GEMINI_API_KEY", "geheim"),
        ("GEMINI_BASE_URL", &*provider.base_url),
        ("MODEL_FALLBACKS", &*spare),
    ];
    let data = TempDir::new().unwrap();
    let mut server = Running::start(&data, &env);

    server.wait_for("gemini-9 is not in the provider's list of models.");
    server.ready().await;
    ask(&server.url, &json!({ "message": "hi" })).await;
    let (_, lines) = server.stop();

    let lines: Vec<Value> = lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    let with = |part: &str| -> Vec<&Value> {
        lines.iter().filter(|line| line["message"].as_str().unwrap().contains(part)).collect()
    };
    assert_eq!(with("2026-12-01").len(), 1, "{lines:#?}");
    let other = with("gemini-2.5-flash was asked for, and gemini-3.5-flash-lite answered.");
    assert_eq!(other.len(), 1, "{lines:#?}");
    let replied = with("The model replied");
    assert!(replied.iter().all(|it| it["gen_ai.response.model"] == "gemini-3.5-flash-lite"));
    assert!(!replied.is_empty() && !json!(lines).to_string().contains("geheim"));
}
