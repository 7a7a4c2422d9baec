//! Calls come back as they were made, signatures and names included.

use serde_json::{Value, json};

use super::{assert_refused, create_todo, say};
use crate::support::model_server::{ModelServer, asking};

const FLASH: &str = "gemini-2.5-flash";
const NEXT: &str = "gemini-3.8-flash";

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
async fn every_step_of_a_turn_is_signed_and_earlier_turns_need_not_be() {
    let server = ModelServer::emulate().await;

    for model in ["gemini-3.5-flash-lite", "models/gemini-3.8-flash"] {
        let mut body = asking(model, "steps:2 create_todo");
        body["tools"] = json!([create_todo()]);
        let first = server.chat(&body).await.calls();
        let second = server.chat(&answered(&body, &first)).await.calls();
        let unsigned = answered(&answered(&body, &signed(&first, None)), &signed(&second, None));
        let mut later = unsigned.clone();
        say(&mut later, json!({ "role": "user", "content": "and now?" }));

        let signature = |calls: &[Value]| calls[0]["extra_content"].to_string();
        assert_ne!(signature(&first), signature(&second), "{model}");
        let whole = answered(&answered(&body, &first), &second);
        assert_eq!(server.chat(&whole).await.content(), "Answer: done done");
        assert_refused(&server.chat(&unsigned).await, 400, "position 1", model);
        assert_eq!(server.chat(&later).await.status, 200, "{model}");
    }
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
