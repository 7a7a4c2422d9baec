//! What Gemini refuses is refused.

use reqwest::Method;
use serde_json::{Value, json};

use super::{create_todo, tool};
use crate::support::model_server::{Heard, ModelServer, asking};

const FLASH: &str = "gemini-2.5-flash";
const NEXT: &str = "gemini-3.8-flash";

/// Changes a good request.
type Change = fn(&mut Value);

const REFUSED: &[(&str, &str, Change, u16, &str)] = &[
    ("a field", FLASH, |body| body["seed"] = 1.into(), 400, "Unknown name \"seed\""),
    ("an extra", FLASH, |body| body["extra_body"] = json!({ "x": 1 }), 400, "Unknown name \"x\""),
    ("a model", "gemini-9", |_| {}, 404, "models/gemini-9 is not found"),
    ("an effort", FLASH, |body| effort(body, "minimal"), 400, "Valid values are: high, low"),
    ("a level", NEXT, |body| effort(body, "minimal"), 400, "Thinking level MINIMAL"),
    ("no thinking", NEXT, |body| effort(body, "none"), 400, "Thinking level NONE"),
    ("two efforts", FLASH, two_efforts, 400, "found both"),
    ("silence", FLASH, |body| body["messages"] = json!([]), 400, "contents is not specified"),
    (
        "only a system",
        FLASH,
        |body| body["messages"] = json!([{ "role": "system", "content": "x" }]),
        400,
        "contents is not specified",
    ),
    (
        "an empty text",
        FLASH,
        |body| say(body, json!({ "role": "assistant", "content": "" })),
        400,
        "parts must not be empty",
    ),
    (
        "an empty turn",
        FLASH,
        |body| say(body, json!({ "role": "assistant" })),
        400,
        "parts must not be empty",
    ),
    (
        "a model's last word",
        NEXT,
        |body| say(body, json!({ "role": "assistant", "content": "x" })),
        400,
        "ending with a model turn",
    ),
    (
        "a stray result",
        FLASH,
        |body| say(body, json!({ "role": "tool", "tool_call_id": "a", "content": "x" })),
        400,
        "contents[1].parts[0].function_response.name",
    ),
    ("half a batch", FLASH, half_a_batch, 400, "number of function response parts"),
    (
        "a tool's name",
        FLASH,
        |body| offer(body, tool("1st", json!({ "a": { "type": "string" } }), &[])),
        400,
        "Invalid function name",
    ),
    (
        "two of a name",
        FLASH,
        |body| body["tools"] = json!([create_todo(), create_todo()]),
        400,
        "Duplicate",
    ),
    ("too many tools", FLASH, |body| body["tools"] = (0..513).map(numbered).collect(), 400, "512"),
    (
        "a keyword",
        FLASH,
        |body| property(body, json!({ "type": "string", "const": "x" })),
        400,
        "\"const\" at 'tools[0].function_declarations[0].parameters.properties[1].value': Cannot find field.",
    ),
    (
        "a deep keyword",
        FLASH,
        |body| property(body, json!({ "type": "array", "items": { "$ref": "x" } })),
        400,
        "\"$ref\" at 'tools[0].function_declarations[0].parameters.properties[1].value.items'",
    ),
    (
        "a type list",
        FLASH,
        |body| property(body, json!({ "type": ["string", "null"] })),
        400,
        "Proto field is not repeating",
    ),
    (
        "a numeric enum",
        FLASH,
        |body| property(body, json!({ "type": "integer", "enum": [1] })),
        400,
        "(TYPE_STRING), 1",
    ),
    (
        "a format",
        FLASH,
        |body| property(body, json!({ "type": "string", "format": "uri" })),
        400,
        "\"uri\" is not supported",
    ),
    (
        "an empty object",
        FLASH,
        |body| property(body, json!({ "type": "object" })),
        400,
        "non-empty for OBJECT",
    ),
    (
        "an itemless array",
        FLASH,
        |body| property(body, json!({ "type": "array" })),
        400,
        "items: missing field",
    ),
    (
        "a null",
        FLASH,
        |body| property(body, json!({ "type": "string", "default": null })),
        400,
        "null",
    ),
    (
        "a requirement",
        FLASH,
        |body| offer(body, tool("x", json!({ "a": { "type": "string" } }), &["b"])),
        400,
        "required[0]: property is not defined",
    ),
    (
        "a huge schema",
        FLASH,
        |body| property(body, json!({ "type": "string", "description": "x".repeat(60_000) })),
        400,
        "too many states",
    ),
];

#[tokio::test]
async fn what_gemini_refuses_is_refused_in_an_array_of_one() {
    let server = ModelServer::emulate().await;

    for (name, model, change, status, words) in REFUSED {
        let mut body = asking(model, "hello");
        change(&mut body);

        let heard = server.chat(&body).await;

        assert_refused(&heard, *status, words, name);
    }
}

#[tokio::test]
async fn keys_are_looked_at_but_never_shown() {
    let server = ModelServer::emulate().await;
    let cases = [
        ("", 400, "Invalid Authorization header."),
        ("Bearer ", 400, "Invalid Authorization header."),
        ("Bearer bad", 400, "API_KEY_INVALID"),
        ("Bearer restricted", 403, "blocked"),
    ];

    for (value, status, words) in cases {
        let headers = [("authorization", value)];
        let heard = server.chat_with(&asking(FLASH, "hello"), &headers).await;

        assert_refused(&heard, status, words, value);
    }
    let log = Value::from(server.log().await).to_string();
    assert!(!log.contains("restricted") && log.contains("***"));
}

#[tokio::test]
async fn models_are_listed_for_those_with_a_key() {
    let server = ModelServer::emulate().await;

    let listed =
        server.call(Method::GET, "/v1beta/openai/models", &[("authorization", "Bearer k")]).await;
    let refused = server.call(Method::GET, "/v1beta/openai/models", &[]).await;

    assert_eq!(listed.json()["data"][0]["id"], "models/gemini-2.5-flash");
    assert_eq!(refused.status, 400);
}

#[tokio::test]
async fn a_doubled_slash_is_an_empty_page() {
    let server = ModelServer::emulate().await;

    let heard = server.call(Method::POST, "/v1beta/openai//chat/completions", &[]).await;

    assert_eq!((heard.status, heard.text.as_str()), (404, ""));
    assert!(heard.content_type.starts_with("text/html"));
}

#[tokio::test]
async fn a_body_without_end_or_sense_is_refused() {
    let server = ModelServer::emulate().await;
    let mut huge = asking(FLASH, "hello");
    huge["user"] = "x".repeat(9 << 20).into();

    let heard = server.chat(&Value::from("not an object")).await;
    let too_long = server.chat(&huge).await;

    assert_refused(&heard, 400, "Root element", "text");
    assert_refused(&too_long, 400, "exceeds the limit", "huge");
}

#[tokio::test]
async fn flags_change_what_is_refused() {
    let server = ModelServer::emulate().await;
    let mut foreign = asking(FLASH, "hello");
    property(&mut foreign, json!({ "const": "x" }));

    let lenient = server.chat_with(&foreign, &[("x-fake-options", "schema=lenient")]).await;
    let new_key = server.chat_with(&asking(FLASH, "hi"), &[("x-fake-options", "new_key")]).await;
    let after =
        server.chat_with(&asking(FLASH, "hi"), &[("x-fake-options", "after_2026_12_01")]).await;
    let unknown = server.chat_with(&asking(FLASH, "hi"), &[("x-fake-options", "warp=9")]).await;

    assert_eq!(lenient.status, 200);
    assert_refused(&new_key, 404, "no longer available to new users", "new key");
    assert_eq!(after.chunks()[0]["model"], "gemini-3.5-flash-lite");
    assert_refused(&unknown, 400, "warp=9", "unknown");
}

#[tokio::test]
async fn a_signature_must_come_back_as_it_was_issued() {
    let server = ModelServer::emulate().await;
    let mut body = asking(NEXT, "call:create_todo{\"title\":\"Milk\"};call:create_todo{}");
    body["tools"] = json!([create_todo()]);
    let calls = server.chat(&body).await.calls();
    let signature = &calls[0]["extra_content"]["google"]["thought_signature"];
    assert!(signature.is_string() && calls[1].get("extra_content").is_none());

    let whole = server.chat(&answered(&body, &calls)).await;
    let missing = server.chat(&answered(&body, &signed(&calls, None))).await;
    let altered = server.chat(&answered(&body, &signed(&calls, Some("AAAA")))).await;
    let stand_in = Some("skip_thought_signature_validator");
    let foreign = server.chat(&answered(&body, &signed(&calls, stand_in))).await;

    assert_eq!((whole.status, foreign.status), (200, 200));
    assert_refused(&missing, 400, "`default_api:create_todo` , position 1", "missing");
    assert_refused(&altered, 400, "Thought signature is not valid", "altered");
}

#[tokio::test]
async fn a_tool_message_may_have_to_name_its_tool() {
    let server = ModelServer::emulate().await;
    let mut body = asking(FLASH, "call:create_todo{}");
    body["tools"] = json!([create_todo()]);
    let mut continued = answered(&body, &server.chat(&body).await.calls());
    let options = [("x-fake-options", "require_tool_name")];

    let nameless = server.chat_with(&continued, &options).await;
    continued["messages"][2]["name"] = "create_todo".into();
    let named = server.chat_with(&continued, &options).await;

    assert_refused(&nameless, 400, "Request contains an invalid argument.", "nameless");
    assert_eq!(named.status, 200);
}

fn assert_refused(heard: &Heard, status: u16, words: &str, name: &str) {
    assert_eq!(heard.status, status, "{name}: {}", heard.text);
    let body = heard.json();
    assert_eq!(body.as_array().map(Vec::len), Some(1), "{name}");
    assert_eq!(body[0]["error"]["code"], status, "{name}");
    assert!(body.to_string().replace("\\\"", "\"").contains(words), "{name}: {}", heard.text);
}

fn effort(body: &mut Value, effort: &str) {
    body["reasoning_effort"] = effort.into();
}

fn two_efforts(body: &mut Value) {
    effort(body, "low");
    body["extra_body"] = json!({ "google": { "thinking_config": { "include_thoughts": true } } });
}

fn say(body: &mut Value, message: Value) {
    body["messages"].as_array_mut().unwrap().push(message);
}

fn half_a_batch(body: &mut Value) {
    let function = json!({ "name": "x", "arguments": "{}" });
    let calls = json!([{ "id": "a", "function": function }, { "id": "b", "function": function }]);
    say(body, json!({ "role": "assistant", "tool_calls": calls }));
    say(body, json!({ "role": "tool", "tool_call_id": "a", "content": "x" }));
}

fn offer(body: &mut Value, tool: Value) {
    body["tools"] = json!([tool]);
}

fn property(body: &mut Value, property: Value) {
    offer(body, tool("x", json!({ "a": { "type": "string" }, "b": property }), &[]));
}

fn numbered(index: i32) -> Value {
    tool(&format!("tool_{index}"), json!({ "a": { "type": "string" } }), &[])
}

/// The request after these calls were made and answered.
fn answered(body: &Value, calls: &[Value]) -> Value {
    let mut body = body.clone();
    say(&mut body, json!({ "role": "assistant", "tool_calls": calls }));
    for call in calls {
        say(&mut body, json!({ "role": "tool", "tool_call_id": call["id"], "content": "done" }));
    }
    body
}

/// The calls with another signature, or none.
fn signed(calls: &[Value], signature: Option<&str>) -> Vec<Value> {
    let mut calls = calls.to_vec();
    match signature {
        Some(text) => calls[0]["extra_content"]["google"]["thought_signature"] = text.into(),
        None => drop(calls[0].as_object_mut().unwrap().remove("extra_content")),
    }
    calls
}
