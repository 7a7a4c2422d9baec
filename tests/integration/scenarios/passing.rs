//! Faults that pass, pauses that are kept, bytes that are cut anywhere.

use std::time::Duration;

use orchestrator::agents::ModelError;
use orchestrator::domain::Message;
use serde_json::json;

use super::{ask, ask_within, model, patient, scripted};
use crate::support::model_server::ModelServer;

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
