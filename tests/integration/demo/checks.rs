//! What Gemini refuses is refused.

use reqwest::Method;
use serde_json::{Value, json};

use super::{assert_refused, create_todo, say, tool};
use crate::support::model_server::{ModelServer, asking};

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
        "an image elsewhere",
        FLASH,
        |body| say(body, picture("https://example.org/a.png")),
        400,
        "only data URLs",
    ),
    (
        "a moving image",
        FLASH,
        |body| say(body, picture("data:image/gif;base64,R0lGODlhAQAB")),
        400,
        "Unsupported MIME type: image/gif",
    ),
    (
        "an image that is none",
        FLASH,
        |body| say(body, picture("data:image/png;base64,a\"b=")),
        400,
        "Base64 decoding failed",
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

fn picture(url: &str) -> Value {
    let text = json!({ "type": "text", "text": "[note from the system: an image]" });
    let image = json!({ "type": "image_url", "image_url": { "url": url } });
    json!({ "role": "user", "content": [text, image] })
}

#[tokio::test]
async fn an_image_after_results_is_seen_and_begins_no_turn() {
    let server = ModelServer::emulate().await;
    let mut body = asking(FLASH, "call:create_todo{\"title\":\"x\"}");
    body["tools"] = json!([create_todo()]);
    let calls = server.chat(&body).await.calls();
    let id = calls[0]["id"].clone();
    say(&mut body, json!({ "role": "assistant", "tool_calls": calls }));
    say(&mut body, json!({ "role": "tool", "tool_call_id": id, "content": "[image, 1 kB]" }));
    say(&mut body, picture("data:image/png;base64,iVBORw0KGgoA"));

    let heard = server.chat(&body).await;

    assert_eq!(heard.content(), "Answer: [image, 1 kB] [sees image/png, 9 bytes]");
}

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
async fn the_more_effort_the_more_is_thought() {
    let server = ModelServer::emulate().await;
    let mut thought = vec![];
    for effort in ["none", "high"] {
        let mut body = asking(FLASH, "hello");
        body["reasoning_effort"] = effort.into();
        let usage = server.chat(&body).await.chunks().pop().unwrap()["usage"].clone();
        let tokens = |name: &str| usage[name].as_u64().unwrap();
        thought
            .push(tokens("total_tokens") - tokens("prompt_tokens") - tokens("completion_tokens"));
    }

    assert_eq!(thought[0], 0);
    assert!(thought[1] > 0, "{thought:?}");
}

fn effort(body: &mut Value, effort: &str) {
    body["reasoning_effort"] = effort.into();
}

fn two_efforts(body: &mut Value) {
    effort(body, "low");
    body["extra_body"] = json!({ "google": { "thinking_config": { "include_thoughts": true } } });
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
