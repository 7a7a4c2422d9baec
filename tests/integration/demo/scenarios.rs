//! Every named scenario has the shape it promises.

use serde_json::Value;

use crate::support::model_server::{Heard, ModelServer, asking};
use demo::scenario_names;

/// What a scenario's bytes promise.
enum Promise {
    /// Calls to these tools, with that finish.
    Calls(&'static [&'static str], Option<&'static str>),
    /// Text, with that finish.
    Text(&'static str, Option<&'static str>),
    /// Neither text nor call, with that finish.
    Nothing(&'static str),
    /// A body of that type in one piece.
    Body(&'static str, &'static str),
    /// An HTTP error in the array of one, with that status.
    Refusal(u16, &'static str),
    /// A status, and what the body begins with.
    Page(u16, &'static str),
    /// Raw text that must be in there.
    Raw(&'static str),
}

use Promise::{Body, Calls, Nothing, Page, Raw, Refusal, Text};

const TOOL_CALLS: Option<&str> = Some("tool_calls");
const STOP: Option<&str> = Some("stop");
const MALFORMED: &str = "function_call_filter: MALFORMED_FUNCTION_CALL";
const INVALID: &str = "INVALID_ARGUMENT";
const EXHAUSTED: &str = "RESOURCE_EXHAUSTED";

const PROMISES: &[(&str, Promise)] = &[
    ("text_usage_last", Text("The first clause, then a second one, and the last.", STOP)),
    ("text_usage_every_chunk", Text("The first clause, then a second one, and the last.", STOP)),
    ("text_no_id", Text("No id anywhere.", STOP)),
    ("text_ten_chunks", Text("One, two, three, four, five, six, seven, eight, nine, ten.", STOP)),
    ("text_then_tool", Calls(&["glob"], TOOL_CALLS)),
    (
        "thoughts",
        Raw(
            r#"{"content":"<thought>Weighing the question. ","extra_content":{"google":{"thought":true}}"#,
        ),
    ),
    ("thoughts_then_tool", Calls(&["glob"], None)),
    ("tool_single", Calls(&["glob"], TOOL_CALLS)),
    ("tool_parallel_one_delta", Calls(&["glob", "list"], TOOL_CALLS)),
    ("tool_parallel_chunks", Calls(&["glob", "list"], TOOL_CALLS)),
    ("tool_parallel_index0", Calls(&["glob", "list"], STOP)),
    ("tool_stop_empty_id", Calls(&["glob"], STOP)),
    ("tool_two_empty_ids", Calls(&["glob", "list"], STOP)),
    ("tool_gemini3_stop_trailer", Calls(&["glob"], STOP)),
    ("tool_gemini38_noindex", Calls(&["glob", "list"], STOP)),
    ("tool_signature_only_delta", Calls(&["glob", ""], STOP)),
    ("signature_trailing_text", Text("Signed words.", STOP)),
    ("finish_without_done", Text("Whole, but without the last line.", STOP)),
    ("completion_text", Body("application/json", "stop")),
    ("completion_tool", Body("application/json", "tool_calls")),
    ("empty_stop", Nothing("stop")),
    ("length_no_text", Nothing("length")),
    ("malformed_function_call", Nothing(MALFORMED)),
    ("malformed_with_text", Text("print(default_api.glob(", Some(MALFORMED))),
    ("content_filter_prohibited", Nothing("content_filter: PROHIBITED_CONTENT")),
    (
        "content_filter_recitation_partial",
        Text("It was the best of times, ", Some("content_filter: RECITATION")),
    ),
    ("completion_prohibited", Body("application/json", "content_filter: PROHIBITED_CONTENT")),
    ("completion_recitation", Body("application/json", "content_filter: RECITATION")),
    ("tool_unknown_name", Calls(&["does_not_exist"], TOOL_CALLS)),
    ("tool_bad_args", Raw(r#""arguments":"{\"a\":""#)),
    ("tool_args_array", Raw(r#""arguments":"[1]""#)),
    ("tool_huge_args", Raw("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa")),
    ("repeat_call", Calls(&["glob"], TOOL_CALLS)),
    ("json_on_stream", Body("application/json", "stop")),
    ("html_200", Page(200, "<!doctype html>")),
    ("truncated_no_finish", Text("This breaks off in the", None)),
    ("mid_error_data", Raw("data: {\"error\":{\"code\":503")),
    ("mid_error_array", Raw("data: [{\"error\":{\"code\":503")),
    ("mid_error_raw", Raw("\n\n[{\"error\":{\"code\":503")),
    ("openai_tool_pieces", Raw(r#""choices":[],"usage":{"prompt_tokens":80"#)),
    ("newapi_empty_name", Raw(r#""id":"","type":"function","function":{"name":"""#)),
    ("gateway_glued_args", Raw(r#"}{\""#)),
    ("vllm_reasoning", Text("Here is the answer.", STOP)),
    ("llamacpp_timings", Raw(r#""timings":{"prompt_n":20"#)),
    ("openrouter_mid_error", Raw(r#""error":{"code":502"#)),
    ("proxy_empty_finish_reason", Text("Here is the answer.", STOP)),
    ("usage_null_fields", Raw(r#""completion_tokens":null"#)),
    ("e400_invalid_argument", Refusal(400, INVALID)),
    ("e400_invalid_auth_header", Refusal(400, INVALID)),
    ("e400_bad_key", Refusal(400, INVALID)),
    ("e400_location", Refusal(400, "FAILED_PRECONDITION")),
    ("e400_unknown_field", Refusal(400, INVALID)),
    ("e400_model_turn_last", Refusal(400, INVALID)),
    ("e400_reasoning_effort", Refusal(400, INVALID)),
    ("e400_thinking_level", Refusal(400, INVALID)),
    ("e400_parts_empty", Refusal(400, INVALID)),
    ("e400_contents_empty", Refusal(400, INVALID)),
    ("e400_tool_name_empty", Refusal(400, INVALID)),
    ("e400_response_count", Refusal(400, INVALID)),
    ("e400_thought_signature", Refusal(400, INVALID)),
    ("e400_signature_invalid", Refusal(400, INVALID)),
    ("e400_too_many_states", Refusal(400, INVALID)),
    ("e403_permission", Refusal(403, "PERMISSION_DENIED")),
    ("e404_model", Refusal(404, "NOT_FOUND")),
    ("e404_new_users", Refusal(404, "NOT_FOUND")),
    ("e429_per_minute", Refusal(429, EXHAUSTED)),
    ("e429_per_day", Refusal(429, EXHAUSTED)),
    ("e429_shared_capacity", Refusal(429, EXHAUSTED)),
    ("e429_retry_after", Refusal(429, EXHAUSTED)),
    ("e429_fractional", Refusal(429, EXHAUSTED)),
    ("e429_delay", Refusal(429, EXHAUSTED)),
    ("e500_internal", Refusal(500, "INTERNAL")),
    ("e503_overloaded", Refusal(503, "UNAVAILABLE")),
    ("e504_deadline", Refusal(504, "DEADLINE_EXCEEDED")),
    ("e502_html", Page(502, "<!DOCTYPE html>")),
    ("e503_empty", Page(503, "")),
    ("e503_unwrapped", Page(503, r#"{"error":{"message""#)),
];

/// Told in `transport.rs` and `control.rs`.
const ELSEWHERE: &[&str] = &[
    "agent",
    "bom",
    "breaker",
    "close_before_headers",
    "comments",
    "crlf",
    "cut_after",
    "eof_after",
    "flaky_429",
    "flaky_503",
    "flaky_empty",
    "flaky_malformed",
    "flood",
    "hang_headers",
    "many_chunks",
    "no_last_blank",
    "quota",
    "refuse",
    "slow_ttft",
    "stall_after",
    "trickle",
];

#[tokio::test]
async fn every_scenario_has_the_shape_it_promises() {
    let server = ModelServer::emulate().await;

    for (name, promise) in PROMISES {
        let heard = server.chat(&asking(&format!("fake:{name}"), "hello")).await;

        keeps(&heard, promise, name);
    }
}

#[test]
fn no_scenario_is_without_a_promise() {
    let promised = PROMISES.iter().map(|(name, _)| *name).chain(ELSEWHERE.iter().copied());

    let promised: std::collections::BTreeSet<&str> = promised.collect();

    assert_eq!(promised, scenario_names());
}

#[tokio::test]
async fn keys_stand_in_order_and_nothing_is_null() {
    let server = ModelServer::emulate().await;

    for name in ["text_usage_last", "tool_gemini38_noindex", "thoughts"] {
        let heard = server.chat(&asking(&format!("fake:{name}"), "hello")).await;

        for chunk in heard.chunks() {
            assert_sorted(&chunk, name);
        }
    }
}

#[tokio::test]
async fn only_the_scenario_that_says_so_has_a_retry_after() {
    let server = ModelServer::emulate().await;

    let silent = server.chat(&asking("fake:e429_shared_capacity", "hello")).await;
    let outspoken = server.chat(&asking("fake:e429_retry_after", "hello")).await;

    assert_eq!(silent.retry_after, None);
    assert_eq!(outspoken.retry_after.as_deref(), Some("2"));
}

#[tokio::test]
async fn a_stream_is_folded_for_those_who_do_not_stream() {
    let server = ModelServer::emulate().await;
    let mut body = asking("fake:text_then_tool", "hello");
    body["stream"] = false.into();

    let whole = server.chat(&body).await.json();

    let message = &whole["choices"][0]["message"];
    assert_eq!(message["content"], "Let me look that up. ");
    assert_eq!(message["tool_calls"][0]["function"]["name"], "glob");
    assert_eq!(whole["object"], "chat.completion");
}

fn keeps(heard: &Heard, promise: &Promise, name: &str) {
    let kept = match promise {
        Calls(tools, finish) => {
            heard.calls().iter().map(called).eq(tools.iter().copied()) && ends(heard, *finish)
        }
        Text(text, finish) => heard.content() == *text && ends(heard, *finish),
        Nothing(finish) => says_nothing(heard) && ends(heard, Some(finish)),
        Body(kind, finish) => {
            let body = heard.json();
            heard.content_type.starts_with(kind) && body["choices"][0]["finish_reason"] == *finish
        }
        Refusal(code, status) => {
            let error = &heard.json()[0]["error"];
            heard.status == *code && error["code"] == *code && error["status"] == *status
        }
        Page(code, beginning) => heard.status == *code && heard.text.starts_with(beginning),
        Raw(text) => heard.text.contains(text),
    };
    let stream = matches!(promise, Calls(..) | Text(..) | Nothing(_) | Raw(_));
    assert!(kept, "{name}: {heard:?}");
    assert_eq!(heard.content_type == "text/event-stream", stream, "{name}");
    assert!(!heard.text.contains("{{"), "{name} has an empty blank: {}", heard.text);
}

fn says_nothing(heard: &Heard) -> bool {
    heard.content().is_empty() && heard.calls().is_empty()
}

fn ends(heard: &Heard, finish: Option<&str>) -> bool {
    heard.status == 200 && finish_of(heard).as_deref() == finish
}

fn called(call: &Value) -> &str {
    call.pointer("/function/name").and_then(Value::as_str).unwrap_or_default()
}

fn finish_of(heard: &Heard) -> Option<String> {
    let chunks = heard.chunks();
    let mut reasons = chunks
        .iter()
        .filter_map(|chunk| chunk.pointer("/choices/0/finish_reason")?.as_str().map(str::to_owned));
    reasons.next_back()
}

fn assert_sorted(value: &Value, name: &str) {
    assert!(!value.is_null(), "{name} has a null");
    match value {
        Value::Object(object) => {
            assert!(object.keys().is_sorted(), "{name}: {value}");
            object.values().for_each(|value| assert_sorted(value, name));
        }
        Value::Array(values) => values.iter().for_each(|value| assert_sorted(value, name)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
