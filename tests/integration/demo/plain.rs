//! The model for people cannot be switched by anything a person says.

use demo::{BrainAnswer, Conversation, PlannedCall, Said, Settings};
use reqwest::Method;
use serde_json::{Map, Value, json};

use super::create_todo;
use crate::support::model_server::{ModelServer, asking, echo};

#[tokio::test]
async fn no_word_of_a_person_switches_anything() {
    let server = plain(echo).await;
    let words = "[[scenario:e503_overloaded]] call:create_todo{\"title\":\"x\"} steps:3";
    let headers =
        [("x-fake-timing", "ttft=60000"), ("x-fake-options", "new_key"), ("x-test-id", "a")];

    for model in ["gemini-2.5-flash", "fake:e503_overloaded", "whatever", "gemini-3.8-flash"] {
        let mut body = asking(model, words);
        body["tools"] = json!([create_todo()]);
        let heard = server.chat_with(&body, &headers).await;

        assert_eq!((heard.status, heard.content()), (200, format!("You said: {words}")));
        assert_eq!(heard.chunks()[0]["model"], model);
        assert!(heard.calls().is_empty());
    }
}

#[tokio::test]
async fn a_remark_among_a_persons_words_is_heard_and_not_taken_for_theirs() {
    let server = plain(echo).await;
    let remark = "[note from the system: The answer was not finished.]";

    for words in [format!("add milk\n\n{remark}\n\nadd tea"), format!("add tea\n\n{remark}")] {
        let heard = server.chat(&asking("m", &words)).await;

        assert_eq!(heard.content(), "You said: add tea");
    }
}

#[tokio::test]
async fn there_are_no_control_routes() {
    let server = plain(echo).await;
    let routes = [
        (Method::GET, "/_fake/log"),
        (Method::POST, "/_fake/script"),
        (Method::POST, "/_fake/reset"),
    ];

    for (method, path) in routes {
        assert_eq!(server.call(method, path, &[]).await.status, 404);
    }
}

#[tokio::test]
async fn any_key_or_none_will_do() {
    let server = plain(echo).await;

    for key in ["", "Bearer bad", "nonsense"] {
        let heard = server.chat_with(&asking("m", "hi"), &[("authorization", key)]).await;

        assert_eq!(heard.status, 200);
    }
    assert_eq!(server.call(Method::GET, "/v1beta/openai/models", &[]).await.status, 200);
}

#[tokio::test]
async fn text_comes_in_several_chunks_with_usage_and_an_end() {
    let server = plain(echo).await;

    let heard = server.chat(&asking("gemini-2.5-flash", "one two three four five six")).await;

    let chunks = heard.chunks();
    assert!(chunks.len() >= 2);
    assert_eq!(heard.content(), "You said: one two three four five six");
    assert_eq!(chunks.last().unwrap()["choices"][0]["finish_reason"], "stop");
    assert!(chunks.last().unwrap()["usage"]["total_tokens"].as_u64().unwrap() > 10);
    assert!(heard.text.ends_with("data: [DONE]\n\n"));
}

#[tokio::test]
async fn thoughts_are_shown_only_to_those_who_ask() {
    let server = plain(echo).await;
    let mut body = asking("gemini-2.5-flash", "hi");

    let hidden = server.chat(&body).await;
    let thinking = json!({ "google": { "thinking_config": { "include_thoughts": true } } });
    body["extra_body"] = thinking;
    let shown = server.chat(&body).await;

    assert_eq!(hidden.content(), "You said: hi");
    assert_eq!(shown.content(), "<thought>Listening.</thought>You said: hi");
    let first = &shown.chunks()[0]["choices"][0]["delta"];
    assert_eq!(first["extra_content"]["google"]["thought"], true);
}

#[tokio::test]
async fn a_call_is_written_as_its_generation_writes_it() {
    let server = plain(caller).await;

    let old = server.chat(&asking("gemini-2.5-flash", "go")).await;
    let new = server.chat(&asking("models/gemini-3.5-flash-lite", "go")).await;

    let old_call = &old.calls()[0];
    assert!(old_call["id"].as_str().unwrap().starts_with("function-call-"));
    assert_eq!(old_call["function"]["arguments"], r#"{"title":"Milk"}"#);
    assert!(old_call.get("extra_content").is_none() && old_call.get("index").is_none());
    assert_eq!(old.chunks()[0]["choices"][0]["finish_reason"], "tool_calls");
    assert!(new.calls()[0]["extra_content"]["google"]["thought_signature"].is_string());
    assert!(new.chunks()[0]["choices"][0].get("finish_reason").is_none());
    assert_eq!(new.chunks()[1]["choices"][0]["finish_reason"], "stop");
}

#[tokio::test]
async fn an_answer_in_one_piece_has_calls_and_usage() {
    let server = plain(caller).await;
    let body = json!({ "messages": [{ "role": "user", "content": "go" }], "model": "m" });

    let whole = server.chat(&body).await.json();

    assert_eq!(whole["choices"][0]["finish_reason"], "tool_calls");
    assert_eq!(whole["choices"][0]["message"]["tool_calls"][0]["function"]["name"], "create_todo");
    assert!(whole["usage"]["prompt_tokens"].is_u64());
}

#[tokio::test]
async fn the_brain_sees_the_clock_the_history_and_the_tools() {
    let server = plain(reporter).await;
    let system =
        "You help.\nIt is now Saturday, 2026-11-21T05:12:00+01:00[Europe/Berlin].\nBe kind.";
    let call = json!({
        "id": "a",
        "type": "function",
        "function": { "name": "create_todo", "arguments": "{\"title\":\"Milk\"}" },
    });
    let body = json!({
        "messages": [
            { "role": "system", "content": system },
            { "role": "user", "content": [{ "type": "text", "text": "add milk" }] },
            { "role": "assistant", "tool_calls": [call] },
            { "role": "tool", "tool_call_id": "a", "content": "{\"id\":\"t1\"}" },
        ],
        "model": "m",
        "tools": [create_todo()],
    });

    let whole = server.chat(&body).await.json();

    let seen = whole["choices"][0]["message"]["content"].as_str().unwrap();
    assert!(seen.starts_with("2026-11-21T05:12:00+01:00[Europe/Berlin] create_todo "), "{seen}");
    assert!(seen.contains(r#"User("add milk")"#) && seen.contains("t1"), "{seen}");
}

#[tokio::test]
async fn odd_bodies_are_refused_and_harm_nothing() {
    let server = plain(echo).await;
    let odd = [
        json!(null),
        json!([]),
        json!({ "messages": "hi" }),
        json!({ "messages": [{ "role": "user", "content": 1 }] }),
        json!({ "messages": [{ "role": "assistant", "tool_calls": [{}] }] }),
        json!({ "messages": [], "tools": [{ "type": "function" }] }),
    ];

    for body in odd {
        let heard = server.chat(&body).await;

        assert_eq!((heard.status, &heard.json()[0]["error"]["code"]), (400, &json!(400)), "{body}");
    }
    let sparse = json!({ "messages": [{ "role": "owl" }, { "role": "tool" }], "tools": null });
    assert_eq!(server.chat(&sparse).await.status, 200);
}

async fn plain(brain: fn(&Conversation) -> BrainAnswer) -> ModelServer {
    let settings = Settings { chunk_gap: std::time::Duration::ZERO, ..Settings::plain(brain) };
    ModelServer::start(settings).await
}

fn caller(_: &Conversation) -> BrainAnswer {
    let arguments = Map::from_iter([("title".to_owned(), Value::from("Milk"))]);
    let call = PlannedCall { name: "create_todo".to_owned(), arguments };
    BrainAnswer { calls: vec![call], ..BrainAnswer::default() }
}

fn reporter(conversation: &Conversation) -> BrainAnswer {
    let tools: Vec<&str> = conversation.tools.iter().map(|tool| tool.name.as_str()).collect();
    let said: &[Said] = &conversation.said;
    let text = format!("{} {} {said:?}", conversation.now, tools.join(","));
    BrainAnswer { text, ..BrainAnswer::default() }
}
