//! What the log says of models that are not what was asked for.

use demo::{EmulateSettings, Flag, Knobs, Settings};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::model_server::{ModelServer, echo};
use crate::support::process::{Running, ask, get};

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

#[tokio::test(flavor = "multi_thread")]
async fn a_new_key_needs_no_setting_and_a_model_that_is_set_is_kept() {
    let mut knobs = Knobs::default();
    knobs.flags.insert(Flag::NewKey);
    let emulation = EmulateSettings { knobs, ..EmulateSettings::default() };
    let provider = ModelServer::start(Settings::emulate(echo, emulation)).await;
    let env = [("GEMINI_API_KEY", "k"), ("GEMINI_BASE_URL", &*provider.base_url)];
    let (data, hi) = (TempDir::new().unwrap(), json!({ "message": "hi" }));
    let server = Running::start(&data, &env);
    server.ready().await;

    let outcomes = [ask(&server.url, &hi).await, ask(&server.url, &hi).await];
    let health = get(&format!("{}/health", server.url)).await.1;
    let (_, lines) = server.stop();

    assert!(outcomes.iter().all(|it| it["outcome"] == "completed"), "{outcomes:?}");
    assert_eq!((&health["status"], &health["model"]["name"]), (&json!("ok"), &json!(SUCCESSOR)));
    assert!(health["model"]["warnings"].to_string().contains(GONE_OVER), "{health}");
    assert_eq!(lines.iter().filter(|line| line.contains(GONE_OVER)).count(), 1, "{lines:#?}");

    let named = [env[0], env[1], ("GEMINI_MODEL", "gemini-2.5-flash")];
    let server = Running::start(&data, &named);
    server.ready().await;

    let refused = ask(&server.url, &hi).await;

    assert_eq!(refused["outcome"], "failed", "{refused}");
    let models = provider.log().await;
    let models = models.iter().filter_map(|it| it["body"]["model"].as_str());
    let expected = ["gemini-2.5-flash", SUCCESSOR, SUCCESSOR, "gemini-2.5-flash"];
    assert_eq!(models.collect::<Vec<_>>(), expected);
}

const SUCCESSOR: &str = "gemini-3.5-flash-lite";
const GONE_OVER: &str = "its successor gemini-3.5-flash-lite is asked instead";
