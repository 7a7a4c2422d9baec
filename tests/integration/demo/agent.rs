//! The repeatable agent of an emulation.

use demo::{Agent, EmulateSettings, Settings};
use serde_json::{Value, json};

use super::{create_todo, tool};
use crate::support::model_server::{ModelServer, asking, echo};

const FLASH: &str = "gemini-2.5-flash";

#[tokio::test]
async fn directives_are_called_in_order() {
    let server = ModelServer::emulate().await;
    let body = offering("call:b{\"x\":\"call:c\"};call:create_todo{\"title\":\"Milk\"}");

    for options in ["parallel=chunks", "parallel=one_delta"] {
        let heard = server.chat_with(&body, &[("x-fake-options", options)]).await;

        let calls = heard.calls();
        assert_eq!(calls.len(), 2);
        assert_eq!(calls[0]["function"]["arguments"], "{\"x\":\"call:c\"}");
        assert_eq!(calls[1]["function"]["arguments"], "{\"title\":\"Milk\"}");
        assert_eq!(heard.chunks().len(), if options == "parallel=chunks" { 2 } else { 1 });
    }
}

#[tokio::test]
async fn a_tool_named_in_the_text_is_called_with_what_it_requires() {
    let server = ModelServer::emulate().await;

    let calls = server.chat(&offering("please create_todo now")).await.calls();

    assert_eq!(calls[0]["function"]["arguments"], "{\"title\":\"title\"}");
}

#[tokio::test]
async fn steps_are_taken_one_after_another_and_then_told() {
    let server = ModelServer::emulate().await;
    let mut body = offering("steps:3 create_todo");

    for round in 0..3 {
        let calls = server.chat(&body).await.calls();
        assert_eq!(calls.len(), 1, "round {round}");
        let id = calls[0]["id"].clone();
        let messages = body["messages"].as_array_mut().unwrap();
        messages.push(json!({ "role": "assistant", "tool_calls": calls }));
        messages
            .push(json!({ "role": "tool", "tool_call_id": id, "content": format!("r{round}") }));
    }

    assert_eq!(server.chat(&body).await.content(), "Answer: r0 r1 r2");
}

#[tokio::test]
async fn the_brain_answers_undirected_turns_if_it_is_asked_to() {
    let settings = EmulateSettings { agent: Agent::Brain, ..EmulateSettings::default() };
    let server = ModelServer::start(Settings::emulate(echo, settings)).await;

    let spoken = server.chat(&offering("create_todo")).await;
    let directed = server.chat(&offering("call:create_todo{}")).await;

    assert_eq!(spoken.content(), "You said: create_todo");
    assert_eq!(directed.calls().len(), 1);
}

#[tokio::test]
async fn the_same_seed_says_the_same() {
    let body = offering("call:create_todo{}");

    let once = ModelServer::emulate().await.chat(&body).await.calls();
    let again = ModelServer::emulate().await.chat(&body).await.calls();

    assert_eq!(once, again);
}

#[tokio::test]
async fn a_long_prefix_is_cached_the_second_time() {
    let server = ModelServer::emulate().await;
    let body = asking(FLASH, &"long ".repeat(3_000));

    let first = usage(&server.chat(&body).await.chunks());
    let second = usage(&server.chat(&body).await.chunks());

    assert!(first.get("prompt_tokens_details").is_none());
    assert_eq!(second["prompt_tokens_details"]["cached_tokens"], 2_048);
}

#[tokio::test]
async fn bytes_may_be_split_or_joined_anywhere() {
    let server = ModelServer::emulate().await;
    let body = asking(FLASH, "grüße 🎈 to all of you there");

    for options in ["split=1", "split=7", "coalesce"] {
        let heard = server.chat_with(&body, &[("x-fake-options", options)]).await;

        assert_eq!(heard.content(), "Answer: grüße 🎈 to all of you there");
    }
}

fn offering(text: &str) -> Value {
    let mut body = asking(FLASH, text);
    body["tools"] = json!([tool("b", json!({ "x": { "type": "string" } }), &[]), create_todo()]);
    body
}

fn usage(chunks: &[Value]) -> Value {
    chunks.last().unwrap()["usage"].clone()
}
