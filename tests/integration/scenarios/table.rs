//! Every way we have seen a provider answer or fail.

use std::time::Duration;

use orchestrator::agents::ModelError;
use orchestrator::domain::Message;
use serde_json::json;

use super::{ask, ask_within, model, patient, scripted, text_of};
use crate::support::model_server::ModelServer;

const GOOD: &[(&str, &str, usize)] = &[
    ("text_usage_last", CLAUSES, 0),
    ("text_usage_every_chunk", CLAUSES, 0),
    ("text_no_id", "No id anywhere.", 0),
    ("text_ten_chunks", TEN, 0),
    ("text_then_tool", "Let me look that up. ", 1),
    ("thoughts", "Here is the answer.", 0),
    ("thoughts_then_tool", "", 1),
    ("tool_single", "", 1),
    ("tool_parallel_one_delta", "", 2),
    ("tool_parallel_chunks", "", 2),
    ("tool_parallel_index0", "", 2),
    ("tool_stop_empty_id", "", 1),
    ("tool_two_empty_ids", "", 2),
    ("tool_gemini3_stop_trailer", "", 1),
    ("tool_gemini38_noindex", "", 2),
    ("tool_signature_only_delta", "", 1),
    ("signature_trailing_text", "Signed words.", 0),
    ("finish_without_done", "Whole, but without the last line.", 0),
    ("completion_text", "The answer in one piece.", 0),
    ("completion_tool", "", 1),
    ("json_on_stream", "The answer in one piece.", 0),
    ("tool_unknown_name", "", 1),
    ("tool_bad_args", "", 1),
    ("tool_args_array", "", 1),
    ("repeat_call", "", 1),
    ("openai_tool_pieces", "", 1),
    ("newapi_empty_name", "", 1),
    ("vllm_reasoning", "Here is the answer.", 0),
    ("proxy_empty_finish_reason", "Here is the answer.", 0),
    ("usage_null_fields", "Here is the answer.", 0),
    ("slow_ttft(20)", TEN, 0),
    ("no_last_blank", TEN, 0),
    ("crlf", TEN, 0),
    ("bom", TEN, 0),
];

const CLAUSES: &str = "The first clause, then a second one, and the last.";
const TEN: &str = "One, two, three, four, five, six, seven, eight, nine, ten.";

const BEFORE_TEXT: &[(&str, &str, usize)] = &[
    ("empty_stop", "Empty", 3),
    ("length_no_text", "TooLong", 1),
    ("llamacpp_timings", "TooLong", 1),
    ("malformed_function_call", "Malformed", 3),
    ("gateway_glued_args", "Malformed", 3),
    ("tool_huge_args", "Malformed", 3),
    ("content_filter_prohibited", "Blocked", 1),
    ("completion_prohibited", "Blocked", 1),
    ("completion_recitation", "Blocked", 1),
    ("html_200", "Failed", 1),
    ("e400_invalid_argument", "Misconfigured", 1),
    ("e400_invalid_auth_header", "Misconfigured", 1),
    ("e400_bad_key", "Misconfigured", 1),
    ("e400_location", "Misconfigured", 1),
    ("e400_thought_signature", "Misconfigured", 1),
    ("e400_too_many_states", "Misconfigured", 1),
    ("e403_permission", "Misconfigured", 1),
    ("e404_model", "Misconfigured", 1),
    ("e404_new_users", "Misconfigured", 1),
    ("e429_per_minute", "Unavailable", 1),
    ("e429_per_day", "Spent", 1),
    ("e500_internal", "Unavailable", 3),
    ("e502_html", "Unavailable", 3),
    ("e503_overloaded", "Unavailable", 3),
    ("e503_empty", "Unavailable", 3),
    ("e503_unwrapped", "Unavailable", 3),
    ("e504_deadline", "Unavailable", 3),
    ("close_before_headers", "Unavailable", 3),
    ("eof_after(0)", "Truncated", 3),
];

#[tokio::test]
async fn every_good_answer_is_one_whole_reply() {
    for &(scenario, text, calls) in GOOD {
        let server = scripted(&[scenario]).await;

        let heard = ask(&model(patient(&server)), "hi").await;

        let message = heard.end.unwrap_or_else(|error| panic!("{scenario}: {error}")).message;
        assert_eq!((message.text.as_str(), message.calls.len()), (text, calls), "{scenario}");
        assert_eq!(text_of(&heard.said), text, "{scenario}");
        let known = ["files.read", "list", "does_not_exist"];
        assert!(message.calls.iter().all(|call| known.contains(&call.name.as_str())), "{scenario}");
        assert_eq!(server.log().await.len(), 1, "{scenario}");
    }
}

#[tokio::test]
async fn every_fault_before_text_is_one_error_after_as_many_requests_as_make_sense() {
    for &(scenario, error, requests) in BEFORE_TEXT {
        let server = scripted(&[scenario; 3]).await;

        let heard = ask(&model(patient(&server)), "hi").await;

        let found = heard.end.unwrap_err();
        assert_eq!(kind(&found), error, "{scenario}: {found}");
        assert_eq!(text_of(&heard.said), "", "{scenario}");
        assert_eq!(server.log().await.len(), requests, "{scenario}");
    }
}

#[tokio::test]
async fn after_text_was_shown_nothing_is_asked_again() {
    let table = [
        ("malformed_with_text", "Malformed"),
        ("content_filter_recitation_partial", "Blocked"),
        ("truncated_no_finish", "Truncated"),
        ("mid_error_data", "Unavailable"),
        ("mid_error_array", "Unavailable"),
        ("mid_error_raw", "Unavailable"),
        ("openrouter_mid_error", "Unavailable"),
        ("cut_after(2)", "Truncated"),
        ("eof_after(2)", "Truncated"),
    ];
    for (scenario, error) in table {
        let server = scripted(&[scenario; 3]).await;

        let heard = ask(&model(patient(&server)), "hi").await;

        let found = heard.end.unwrap_err();
        assert_eq!(kind(&found), error, "{scenario}: {found}");
        assert_ne!(text_of(&heard.said), "", "{scenario}");
        assert_eq!(server.log().await.len(), 1, "{scenario}");
    }
}

#[tokio::test]
async fn faults_that_pass_are_not_noticed() {
    let sequences = ["e503_overloaded", "empty_stop", "malformed_function_call", "e500_internal"];
    for scenario in sequences {
        let server = scripted(&[scenario, scenario, "text_usage_last"]).await;

        let heard = ask(&model(patient(&server)), "hi").await;

        assert!(heard.end.is_ok(), "{scenario}: {:?}", heard.end);
        assert_eq!(server.log().await.len(), 3);
    }
}

#[tokio::test]
async fn a_pause_that_the_provider_names_is_kept() {
    let server = scripted(&["e429_fractional", "text_usage_last"]).await;

    let heard = ask(&model(patient(&server)), "hi").await;

    assert!(heard.end.is_ok(), "{:?}", heard.end);
    let log = server.log().await;
    let arrivals: Vec<_> = log.iter().map(|one| one["arrival_ns"].as_u64().unwrap()).collect();
    assert!(arrivals[1] - arrivals[0] >= 250_000_000, "{arrivals:?}");
}

#[tokio::test]
async fn a_pause_without_a_length_is_waited_for_as_well() {
    let server = scripted(&["e429_shared_capacity", "text_usage_last"]).await;

    let heard = ask(&model(patient(&server)), "hi").await;

    assert!(heard.end.is_ok(), "{:?}", heard.end);
    assert_eq!(server.log().await.len(), 2);
}

#[tokio::test]
async fn a_pause_beyond_the_deadline_is_not_begun() {
    for scenario in ["e429_retry_after", "e429_shared_capacity"] {
        let server = scripted(&[scenario, "text_usage_last"]).await;
        let messages = [Message::User { text: "hi".to_owned() }];

        let limit = Duration::from_millis(900);
        let heard = ask_within(&model(patient(&server)), &messages, limit).await;

        assert!(matches!(heard.end, Err(ModelError::Unavailable { .. })), "{:?}", heard.end);
        assert_eq!(server.log().await.len(), 1, "{scenario}");
    }
}

#[tokio::test]
async fn the_reply_is_the_same_wherever_the_bytes_are_cut() {
    let scenarios =
        ["thoughts_then_tool", "tool_parallel_chunks", "openai_tool_pieces", "text_ten_chunks"];
    for scenario in scenarios {
        let server = ModelServer::emulate().await;
        let options = ["", "split=1", "split=7", "split=64", "coalesce"];
        let entries = options.map(|options| match options {
            "" => json!({ "scenario": scenario }),
            options => json!({ "scenario": scenario, "options": options }),
        });
        server.script(&entries).await;
        let model = model(patient(&server));

        let mut replies = Vec::new();
        for _ in options {
            let message = ask(&model, "hi").await.end.unwrap().message;
            let calls = message.calls.into_iter().map(|call| (call.name, call.arguments));
            replies.push((message.text, calls.collect::<Vec<_>>()));
        }

        replies.dedup();
        assert_eq!(replies.len(), 1, "{scenario}: {replies:?}");
    }
}

fn kind(error: &ModelError) -> &'static str {
    match error {
        ModelError::Unavailable { .. } => "Unavailable",
        ModelError::Misconfigured => "Misconfigured",
        ModelError::Spent(_) => "Spent",
        ModelError::TimedOut(_) => "TimedOut",
        ModelError::Blocked(_) => "Blocked",
        ModelError::TooLong => "TooLong",
        ModelError::Empty => "Empty",
        ModelError::Malformed => "Malformed",
        ModelError::Truncated => "Truncated",
        ModelError::Failed(_) => "Failed",
    }
}

#[tokio::test]
async fn a_byte_order_mark_is_passed_over_wherever_it_is_cut() {
    for cut in 1..5 {
        let server = ModelServer::emulate().await;
        let options = format!("split={cut}");
        server.script(&[json!({ "scenario": "bom", "options": options })]).await;

        let heard = ask(&model(patient(&server)), "hi").await;

        assert!(heard.end.unwrap().message.text.starts_with("One, two, "), "{cut}");
        assert_eq!(server.log().await.len(), 1);
    }
}
