//! The look at a model when the server starts, and at the name in its replies.

use std::sync::Arc;

use demo::{EmulateSettings, Flag, Knobs, Settings as Demo};
use orchestrator::domain::{BreakerState, CallCounts, Detail, HealthProbe};
use orchestrator::model::{Chain, Settings};
use serde_json::json;

use crate::integration::scenarios;
use crate::support::app::{Choices, TestApp};
use crate::support::model_server::{ModelServer, echo};
use crate::support::scripted_http::{Answer, ScriptedHttp, Then};

const LISTED: &str = r#"{"object":"list","data":[{"id":"models/gemini-3.8-flash"}]}"#;
const UNLISTED: &str = r#"{"object":"list","data":[{"id":"models/gemini-2.5-pro"}]}"#;

#[tokio::test]
async fn a_model_that_the_provider_lists_needs_no_word() {
    let server = ModelServer::emulate().await;
    let chain = chain(asking(&server, "gemini-3.8-flash"));

    chain.inspect().await;

    assert_eq!(seen(&chain), (None, Vec::new()));
    assert_eq!(server.log().await.len(), 0);
}

#[tokio::test]
async fn a_model_that_is_not_listed_is_told_until_it_answers() {
    let list = Answer::whole(200, "application/json", UNLISTED);
    let server = ScriptedHttp::start(vec![list, said("gemini-3.8-flash")]).await;
    let chain = Arc::new(chain(at(&server.base_url)));
    let app = house(&chain).await;

    chain.inspect().await;
    let before = app.get("/health").await.json();
    app.ask(&json!({ "message": "hi" })).await;
    let after = app.get("/health").await.json();

    let told = "gemini-3.8-flash is not in the provider's list of models.";
    assert_eq!(before["model"]["warnings"], json!([told]));
    assert_eq!(before["status"], "ok");
    assert_eq!(after["model"].get("warnings"), None, "{after}");
}

#[tokio::test]
async fn answers_that_prove_nothing_alarm_nobody_and_leave_the_breaker_alone() {
    let long = format!("{}{}", " ".repeat(2 * 1024 * 1024), UNLISTED);
    let answers = [
        Answer::whole(404, "text/html", "<html>"),
        Answer::whole(405, "application/json", "{}"),
        Answer::whole(501, "application/json", "{}"),
        Answer::whole(403, "application/json", r#"{"error":{"message":"not this list"}}"#),
        Answer::whole(302, "text/html", ""),
        Answer::whole(200, "text/html", "<html>"),
        Answer::whole(200, "application/json", &long),
        Answer::whole(429, "application/json", r#"{"error":{"message":"slow down"}}"#),
        Answer::whole(503, "text/html", ""),
        Answer::raw("", Then::Close),
    ];

    for answer in answers {
        let server = ScriptedHttp::start(vec![answer.clone()]).await;
        let chain = chain(at(&server.base_url));

        chain.inspect().await;

        assert_eq!(seen(&chain), (None, Vec::new()), "{answer:?}");
        assert!(!server.bodies().is_empty(), "{answer:?}");
    }
}

#[tokio::test]
async fn a_wrong_key_gives_the_advice_of_a_refused_request() {
    let google = r#"[{"error":{"code":400,"message":"API key not valid.","status":"INVALID_ARGUMENT",
        "details":[{"reason":"API_KEY_INVALID"}]}}]"#;
    for (status, body) in [(401, "{}"), (400, google)] {
        let refusal = Answer::whole(status, "application/json", body);
        let server = ScriptedHttp::start(vec![refusal]).await;
        let chain = chain(at(&server.base_url));

        chain.inspect().await;

        let (advice, warnings) = seen(&chain);
        assert!(advice.is_some_and(|it| it.contains("check GEMINI_API_KEY")), "{status}");
        assert_eq!(warnings, Vec::<String>::new());
    }
}

#[tokio::test]
async fn a_provider_that_is_down_for_a_moment_is_asked_again() {
    let down = Answer::whole(503, "text/html", "");
    let list = Answer::whole(200, "application/json", UNLISTED);
    let server = ScriptedHttp::start(vec![down.clone(), down, list]).await;
    let chain = chain(at(&server.base_url));

    chain.inspect().await;

    assert_eq!(server.bodies().len(), 3);
    assert_eq!(seen(&chain).1, ["gemini-3.8-flash is not in the provider's list of models."]);
}

#[tokio::test(start_paused = true)]
async fn a_provider_that_never_answers_is_given_up() {
    let server = ScriptedHttp::start(vec![Answer::raw("", Then::Hang)]).await;
    let chain = chain(at(&server.base_url));

    chain.inspect().await;

    assert_eq!(seen(&chain), (None, Vec::new()));
}

#[tokio::test]
async fn the_offline_model_is_not_looked_at() {
    let server = ScriptedHttp::start(vec![Answer::whole(200, "application/json", LISTED)]).await;
    let mut settings = at(&server.base_url);
    (settings.offline, settings.model) = (true, "gemini-2.5-flash".to_owned());
    let chain = chain(settings);

    chain.inspect().await;

    assert_eq!((seen(&chain), server.bodies().len()), ((None, Vec::new()), 0));
}

#[tokio::test]
async fn another_model_that_answers_is_told_once_in_health() {
    let server = after_the_end().await;
    let spare = ModelServer::emulate().await;
    let mut second = asking(&spare, "gemini-2.5-flash");
    second.name = Some("spare".to_owned());
    let chain = Chain::new(
        scenarios::model(asking(&server, "gemini-2.5-flash")),
        vec![(Arc::from("spare"), scenarios::model(second))],
    );
    let app = house(&Arc::new(chain)).await;

    for _ in 0..2 {
        app.ask(&json!({ "message": "hi" })).await;
        app.ask(&json!({ "message": "hi", "model": "spare" })).await;
    }
    let health = app.get("/health").await.json();

    let warnings = health["model"]["warnings"].as_array().unwrap();
    assert_eq!(warnings.len(), 2, "{health}");
    assert!(warnings[0].as_str().unwrap().contains("2026-12-01"), "{health}");
    assert_eq!(warnings[1], "gemini-2.5-flash was asked for, and gemini-3.5-flash-lite answered.");
    assert_eq!(health["fallbacks"]["spare"]["name"], "gemini-2.5-flash");
    let spare = health["fallbacks"]["spare"]["warnings"].as_array().unwrap();
    assert!(spare.len() == 1 && spare[0].to_string().contains("MODEL_FALLBACKS"), "{health}");
}

#[tokio::test]
async fn what_is_no_name_is_not_repeated() {
    for model in ["<b>geheim</b>", "geheim und mehr", &"geheim".repeat(100), ""] {
        let server = ScriptedHttp::start(vec![said(model)]).await;
        let chain = Arc::new(chain(at(&server.base_url)));

        house(&chain).await.ask(&json!({ "message": "hi" })).await;

        assert_eq!(seen(&chain).1, Vec::<String>::new(), "{model}");
    }
}

/// Advice and warnings of the first model, whose breaker has heard of nothing but success.
fn seen(chain: &Chain) -> (Option<String>, Vec<String>) {
    let dependency = chain.report().remove(0);
    assert_eq!(dependency.breaker.state, BreakerState::Closed);
    let CallCounts { failed, rejected, .. } = dependency.breaker.calls;
    assert_eq!((failed, rejected, dependency.breaker.retry_in_seconds), (0, 0, None));
    let Detail::Model { advice, warnings, .. } = dependency.detail else { panic!("no model") };
    (advice, warnings)
}

fn chain(settings: Settings) -> Chain {
    Chain::new(scenarios::model(settings), Vec::new())
}

fn asking(server: &ModelServer, model: &str) -> Settings {
    Settings { model: model.to_owned(), ..scenarios::settings(server) }
}

fn at(base_url: &str) -> Settings {
    Settings { model: "gemini-3.8-flash".to_owned(), ..super::settings(base_url) }
}

async fn house(chain: &Arc<Chain>) -> TestApp {
    let probes: Vec<Arc<dyn HealthProbe>> = vec![chain.clone()];
    TestApp::new(Choices { model: chain.clone(), probes, ..Choices::default() }).await
}

/// A greeting by a model of this name.
fn said(model: &str) -> Answer {
    let delta = json!({ "content": "Hi.", "role": "assistant" });
    let choice = json!({ "delta": delta, "finish_reason": "stop", "index": 0 });
    Answer::events(&[json!({ "model": model, "choices": [choice] })])
}

/// Gemini as it is from 2026-12-01.
async fn after_the_end() -> ModelServer {
    let mut knobs = Knobs::default();
    knobs.flags.insert(Flag::AfterShutdown);
    let settings = EmulateSettings { knobs, ..EmulateSettings::default() };
    ModelServer::start(Demo::emulate(echo, settings)).await
}
