//! Several rounds with a provider that refuses whatever it does not know.

use std::time::Duration;

use demo::{self, EmulateSettings, Knobs};
use orchestrator::domain::{Assistant, Message, ToolResult};
use serde_json::{Value, json};

use super::{ask, ask_within, model, patient, scripted};
use crate::support::model_server::{ModelServer, echo};

#[tokio::test]
async fn signatures_go_back_as_they_came_and_the_strict_provider_takes_them() {
    for name in ["gemini-3.5-flash-lite", "gemini-3.8-flash"] {
        let server = ModelServer::emulate().await;
        let settings = model::Settings { model: name.to_owned(), ..patient(&server) };
        let model = model(settings);
        let asked = "call:files_read{\"id\":\"a\"};call:list{} please";

        let said = ask(&model, asked).await.end.unwrap().message;
        let second = second_round(asked, &said);
        let end = ask_within(&model, &second, Duration::from_secs(30)).await.end.unwrap();

        assert_eq!(said.calls.len(), 2);
        let given = said.calls[0].extra.clone().unwrap();
        let log = server.log().await;
        let sent = &log[1]["body"]["messages"][2]["tool_calls"];
        assert_eq!(sent[0]["extra_content"].to_string(), given.to_string());
        assert_eq!(sent[1].get("extra_content"), None);
        assert!(end.message.text.starts_with("Answer: "), "{}", end.message.text);
    }
}

#[tokio::test]
async fn signatures_of_every_layout_come_back() {
    let layouts =
        ["tool_gemini3_stop_trailer", "tool_gemini38_noindex", "tool_signature_only_delta"];
    for scenario in layouts {
        let server = scripted(&[scenario]).await;
        let settings =
            model::Settings { model: "gemini-3.5-flash-lite".to_owned(), ..patient(&server) };
        let model = model(settings);

        let said = ask(&model, "hi").await.end.unwrap().message;
        let end = ask_within(&model, &second_round("hi", &said), Duration::from_secs(30)).await.end;

        assert!(said.calls[0].extra.is_some(), "{scenario}");
        assert!(end.is_ok(), "{scenario}: {end:?}");
    }
}

#[tokio::test]
async fn calls_of_another_model_pass_with_a_stand_in() {
    let server = scripted(&["tool_parallel_chunks"]).await;
    let said = ask(&model(patient(&server)), "hi").await.end.unwrap().message;
    let third = model::Settings { model: "gemini-3.5-flash-lite".to_owned(), ..patient(&server) };

    let second = second_round("hi", &said);
    let end = ask_within(&model(third), &second, Duration::from_secs(30)).await.end;

    assert!(end.is_ok(), "{end:?}");
}

#[tokio::test]
async fn only_fields_that_gemini_knows_are_sent_with_the_key_and_nothing_of_the_environment() {
    let server = ModelServer::emulate().await;
    let settings = model::Settings { thinking: model::Thinking::Auto, ..patient(&server) };
    let model = model(settings);

    let said = ask(&model, "call:list{}").await.end.unwrap().message;
    drop(ask_within(&model, &second_round("call:list{}", &said), Duration::from_secs(30)).await);

    let known =
        ["extra_body", "messages", "model", "stream", "stream_options", "tools"].map(str::to_owned);
    for request in server.log().await {
        let mut fields: Vec<_> = request["body"].as_object().unwrap().keys().cloned().collect();
        fields.sort();
        assert_eq!(fields, known);
        assert_eq!(request["status"], 200, "{request}");
        let headers = request["headers"].to_string();
        assert!(!headers.contains("organization") && !headers.contains("project"), "{headers}");
    }
}

#[tokio::test]
async fn servers_of_the_other_family_are_asked_two_rounds_without_a_word_of_googles() {
    use demo::EmulatedServer::{LlamaCpp, NewApi, Ollama, OpenAi, OpenRouter, Vllm};

    for spoken in [OpenAi, NewApi, Vllm, LlamaCpp, OpenRouter, Ollama] {
        let knobs = Knobs { dialect: spoken, ..Knobs::default() };
        let emulation = EmulateSettings { knobs, ..EmulateSettings::default() };
        let server = ModelServer::start(demo::Settings::emulate(echo, emulation)).await;
        let model = model(model::Settings {
            model: "google/gemini-3.5-flash".to_owned(),
            family: model::ProviderFamily::OpenAi,
            ..patient(&server)
        });
        let asked = "call:list{}";

        let said = ask(&model, asked).await.end.unwrap().message;
        let second = second_round(asked, &said);
        let end = ask_within(&model, &second, Duration::from_secs(30)).await.end.unwrap();

        assert_eq!(said.calls.len(), 1, "{spoken:?}");
        assert!(end.message.text.starts_with("Answer: "), "{spoken:?}: {}", end.message.text);
        for request in server.log().await {
            let body = request["body"].to_string();
            assert!(!body.contains("extra_") && !body.contains("signature"), "{body}");
        }
    }
}

#[tokio::test]
async fn results_bear_the_name_of_their_tool_for_a_provider_that_wants_it() {
    let knobs = Knobs { flags: [demo::Flag::RequireToolName].into(), ..Knobs::default() };
    let emulation = EmulateSettings { knobs, ..EmulateSettings::default() };
    let server = ModelServer::start(demo::Settings::emulate(echo, emulation)).await;
    let model = model(patient(&server));
    let asked = "call:list{}";

    let said = ask(&model, asked).await.end.unwrap().message;
    let end = ask_within(&model, &second_round(asked, &said), Duration::from_secs(30)).await.end;

    assert!(end.is_ok(), "{end:?}");
}

#[tokio::test]
async fn a_thread_that_moves_to_another_server_takes_nothing_of_google_s_there() {
    let google = ModelServer::emulate().await;
    let asked = "call:list{} please";
    let signing = model::Settings { model: "gemini-3.5-flash-lite".to_owned(), ..patient(&google) };
    let said = ask(&model(signing), asked).await.end.unwrap().message;
    let port = google.base_url.split(&[':', '/'][..]).nth(4).unwrap();
    assert_eq!(said.by, Some(format!("gemini@127.0.0.1:{port}")));
    let unstamped = Assistant { by: None, ..said.clone() };

    for said in [said, unstamped] {
        let knobs = Knobs { dialect: demo::EmulatedServer::OpenAi, ..Knobs::default() };
        let emulation = EmulateSettings { knobs, ..EmulateSettings::default() };
        let other = ModelServer::start(demo::Settings::emulate(echo, emulation)).await;
        let model = model(model::Settings {
            model: "gpt-5".to_owned(),
            family: model::ProviderFamily::OpenAi,
            ..patient(&other)
        });

        drop(ask_within(&model, &second_round(asked, &said), Duration::from_secs(30)).await);

        let body = other.log().await[0]["body"].to_string();
        assert!(body.contains("tool_calls") && !body.contains("extra_content"), "{body}");
    }
}

pub(super) fn second_round(asked: &str, said: &Assistant) -> Vec<Message> {
    let result = |call: &orchestrator::domain::ToolCall| ToolResult {
        id: call.id.clone(),
        name: call.name.clone(),
        output: json!({ "found": Value::Null }).to_string(),
        is_error: false,
        origin: None,
    };
    let results = said.calls.iter().map(result).collect();
    let user = Message::User { text: asked.to_owned() };
    vec![user, Message::Assistant(said.clone()), Message::Tools { results }]
}
