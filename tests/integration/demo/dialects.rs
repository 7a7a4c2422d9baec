//! The agent in the words of other servers.

use demo::Chars;
use serde_json::{Value, json};

use super::{create_todo, tool};
use crate::support::model_server::{Heard, ModelServer, asking};

const DIALECTS: &[&str] = &["openai", "newapi", "vllm", "llamacpp", "openrouter", "ollama"];

#[tokio::test]
async fn every_dialect_tells_the_same_calls_and_text() {
    let server = ModelServer::emulate().await;
    let mut body = asking("some-model", "call:create_todo{\"title\":\"Grüße 🎈\"};call:list{}");
    body["tools"] = json!([create_todo(), tool("list", json!({ "$ref": "#/x" }), &[])]);
    body["seed"] = 7.into();

    for dialect in DIALECTS {
        let options = format!("dialect={dialect}");
        let heard = ask(&server, &body, &options).await;
        let text = ask(&server, &asking("some-model", "hello"), &options).await;

        assert_eq!(joined(&heard), ["create_todo{\"title\":\"Grüße 🎈\"}", "list{}"], "{dialect}");
        assert_eq!(finish(&heard), "tool_calls", "{dialect}");
        assert_eq!((text.content().as_str(), finish(&text)), ("Answer: hello", "stop".into()));
        assert_eq!(heard.chunks()[0]["model"], "some-model");
    }
}

#[tokio::test]
async fn every_dialect_tells_the_same_in_one_piece() {
    let server = ModelServer::emulate().await;
    let mut body = asking("some-model", "call:create_todo{\"title\":\"Milk\"};call:list{}");
    body["tools"] = json!([create_todo(), tool("list", json!({}), &[])]);
    body["extra_body"] = json!({ "google": { "thinking_config": { "include_thoughts": true } } });
    let mut hello = asking("some-model", "hello");
    for body in [&mut body, &mut hello] {
        body["stream"] = false.into();
    }
    let thoughts = [("vllm", "reasoning"), ("llamacpp", "reasoning_content")];

    for dialect in DIALECTS {
        let options = format!("dialect={dialect}");
        let heard = ask(&server, &body, &options).await;
        let said = ask(&server, &hello, &options).await.json();

        assert!(heard.content_type.starts_with("application/json"), "{dialect}");
        let (whole, choice) = (heard.json(), &heard.json()["choices"][0]);
        let calls = choice["message"]["tool_calls"].as_array().unwrap();
        let named: Vec<_> = calls.iter().map(|call| &call["function"]["name"]).collect();
        assert_eq!(named, ["create_todo", "list"], "{dialect}");
        assert_ne!(calls[0]["id"], calls[1]["id"], "{dialect}");
        assert_eq!(calls[0]["function"]["arguments"], "{\"title\":\"Milk\"}");
        assert_eq!(
            (&choice["finish_reason"], &choice["message"]["content"]),
            (&json!("tool_calls"), &Value::Null)
        );
        assert_eq!(
            (&whole["object"], &whole["model"]),
            (&json!("chat.completion"), &json!("some-model"))
        );
        assert!(whole["usage"]["total_tokens"].as_u64() > Some(0), "{dialect}");
        assert_eq!(said["choices"][0]["message"]["content"], "Answer: hello");
        assert_eq!(said["choices"][0]["finish_reason"], "stop");
        for (_, field) in thoughts.iter().filter(|(name, _)| name == dialect) {
            assert_ne!(choice["message"][field], Value::Null, "{dialect}");
        }
    }
}

#[tokio::test]
async fn every_dialect_has_its_quirk() {
    let server = ModelServer::emulate().await;
    let mut body = asking("m", "call:create_todo{\"title\":\"Milk\"}");
    body["tools"] = json!([create_todo()]);
    body["extra_body"] = json!({ "google": { "thinking_config": { "include_thoughts": true } } });
    let quirks = [
        ("openai", "\"usage\":null"),
        ("newapi", "\"id\":\"\",\"type\":\"function\",\"function\":{\"name\":\"\""),
        ("vllm", "\"delta\":{\"reasoning\":"),
        ("llamacpp", "\"timings\":{"),
        ("openrouter", ": OPENROUTER PROCESSING\n\n"),
        ("ollama", "\"arguments\":\"{\\\"title\\\":\\\"Milk\\\"}\""),
    ];

    for (dialect, quirk) in quirks {
        let heard = ask(&server, &body, &format!("dialect={dialect}")).await;

        assert!(heard.text.contains(quirk), "{dialect}: {}", heard.text);
        assert!(heard.text.ends_with("data: [DONE]\n\n"), "{dialect}");
        assert!(!heard.text.contains("extra_content"), "{dialect}");
    }
}

#[tokio::test]
async fn other_servers_do_not_put_errors_in_an_array() {
    let server = ModelServer::emulate().await;
    server.script(&[json!({ "scenario": "e429_retry_after", "options": "dialect=newapi" })]).await;

    let scripted = server.chat(&asking("gemini-2.5-flash", "hi")).await;
    let refused = ask(&server, &asking("fake:e400_bad_key", "hi"), "dialect=openai").await;
    let keyless = [("authorization", ""), ("x-fake-options", "dialect=vllm")];
    let keyless = server.chat_with(&asking("m", "hi"), &keyless).await;

    assert_eq!(scripted.json()["error"]["code"], "429");
    assert_eq!(scripted.retry_after.as_deref(), Some("2"));
    assert_eq!(refused.json()["error"]["type"], "invalid_request_error");
    assert_eq!((keyless.status, &keyless.json()["error"]["code"]), (400, &json!("400")));
}

#[tokio::test]
async fn chunks_are_as_long_as_they_should_be() {
    let server = ModelServer::emulate().await;
    let words = "word ".repeat(60);
    let Chars { least, most } = Chars { least: 60, most: 120 };

    let heard = ask(&server, &asking("gemini-2.5-flash", &words), "chars=60-120").await;
    let mut chunks = heard.chunks();
    chunks.pop();

    assert!(heard.content().starts_with("Answer: word word"));
    for chunk in chunks {
        let length = chunk["choices"][0]["delta"]["content"].as_str().unwrap().len();
        assert!((least..=most + 8).contains(&length), "{length}");
    }
}

#[tokio::test]
async fn the_bench_profile_takes_its_time() {
    let server = ModelServer::emulate().await;
    let ask = async || {
        let timing = [("x-fake-timing", "bench"), ("x-test-id", "bench")];
        server.chat_with(&asking("gemini-2.5-flash", "hi"), &timing).await
    };

    let _together = tokio::join!(ask(), ask(), ask(), ask(), ask(), ask(), ask(), ask());
    let log = server.settled_log_of("bench").await;

    let took =
        |entry: &Value| entry["ended_ns"].as_u64().unwrap() - entry["arrival_ns"].as_u64().unwrap();
    let mut took: Vec<u64> = log.iter().map(|entry| took(entry) / 1_000_000).collect();
    took.sort_unstable();
    assert!(took[0] >= 70 && took[4] < 3_000, "{took:?}");
    assert!(took[7] > took[0] + 20, "no two pauses are the same: {took:?}");
}

async fn ask(server: &ModelServer, body: &Value, options: &str) -> Heard {
    server.chat_with(body, &[("x-fake-options", options)]).await
}

/// The calls, their pieces joined: a piece with a name opens one.
fn joined(heard: &Heard) -> Vec<String> {
    let mut calls: Vec<String> = vec![];
    for piece in heard.calls() {
        let function = &piece["function"];
        if let Some(name) = function["name"].as_str().filter(|name| !name.is_empty()) {
            calls.push(name.to_owned());
        }
        *calls.last_mut().unwrap() += function["arguments"].as_str().unwrap();
    }
    calls
}

fn finish(heard: &Heard) -> String {
    let chunks = heard.chunks();
    let mut reasons = chunks.iter().filter_map(|c| c.pointer("/choices/0/finish_reason")?.as_str());
    reasons.next_back().unwrap_or_default().to_owned()
}
