//! Scripts, directives, sequences and the log.

use serde_json::json;

use crate::support::model_server::{ModelServer, asking};

const FLASH: &str = "gemini-2.5-flash";

#[tokio::test]
async fn tests_that_share_a_server_get_their_own_scripts() {
    let server = ModelServer::emulate().await;
    server
        .script(&[
            json!({ "scenario": "e503_overloaded", "match": "for-b" }),
            json!({ "scenario": "e500_internal", "match": "for-a" }),
            json!({ "scenario": "empty_stop", "match": "for-b" }),
        ])
        .await;

    let (for_a, for_b) = (asking(FLASH, "hi"), asking(FLASH, "hi for-b"));
    let (a, b) =
        tokio::join!(server.chat_with(&for_a, &[("x-test-id", "for-a")]), server.chat(&for_b),);
    let b_again = server.chat(&asking(FLASH, "hi for-b")).await;
    let a_again = server.chat_with(&asking(FLASH, "hi"), &[("x-test-id", "for-a")]).await;

    assert_eq!((a.status, b.status), (500, 503));
    assert_eq!(b_again.content(), "");
    assert_eq!(a_again.content(), "Answer: hi");
    assert_eq!(server.log_of("for-a").await.len(), 2);
    assert_eq!(server.log_of("for-b").await.len(), 2);
}

#[tokio::test]
async fn a_script_may_say_its_own_words_and_calls() {
    let server = ModelServer::emulate().await;
    let call = json!({ "name": "list_todos", "arguments": { "status": "open" } });
    server
        .script(&[
            json!({ "answer": { "text": "Let me see.", "calls": [call] } }),
            json!({ "scenario": "tool_single", "tool": "get_todo", "arguments": { "id": "t1" } }),
            json!({ "answer": { "text": "All is well." }, "options": "split=3" }),
        ])
        .await;

    let first = server.chat(&asking(FLASH, "hi")).await;
    let second = server.chat(&asking(FLASH, "hi")).await;
    let third = server.chat(&asking(FLASH, "hi")).await;

    assert_eq!(first.content(), "Let me see.");
    assert_eq!(first.calls()[0]["function"]["arguments"], "{\"status\":\"open\"}");
    assert_eq!(second.calls()[0]["function"]["name"], "get_todo");
    assert_eq!(third.content(), "All is well.");
}

#[tokio::test]
async fn a_flaky_model_recovers_after_so_many_faults() {
    let server = ModelServer::emulate().await;

    for name in ["flaky_503(2)", "flaky_429(2,0.25)", "flaky_empty(2)", "flaky_malformed(2)"] {
        let body = asking(FLASH, &format!("hello [[scenario:{name}]]"));
        let mut faults = 0;
        while !server.chat(&body).await.content().starts_with("Answer:") {
            faults += 1;
            assert!(faults <= 2, "{name}");
        }

        assert_eq!(faults, 2, "{name}");
    }
}

#[tokio::test]
async fn a_scripted_sequence_is_lined_up_as_its_faults() {
    let server = ModelServer::emulate().await;
    server.script(&[json!({ "scenario": "flaky_429(2, 0.25)" })]).await;

    let first = server.chat(&asking(FLASH, "hi")).await;
    let second = server.chat(&asking(FLASH, "hi")).await;
    let third = server.chat(&asking(FLASH, "hi")).await;

    assert!(first.text.contains("\"retryDelay\": \"0.25s\""), "{}", first.text);
    assert_eq!((first.status, second.status, third.status), (429, 429, 200));
}

#[tokio::test]
async fn a_breaker_window_ends_by_the_clock() {
    let server = ModelServer::emulate().await;
    server.script(&[json!({ "scenario": "breaker(600000)", "match": "scripted" })]).await;

    for words in ["[[scenario:breaker(600000)]]", "scripted"] {
        for _ in 0..3 {
            assert_eq!(server.chat(&asking(FLASH, words)).await.status, 503);
        }
    }
    let over = server.chat(&asking(FLASH, "[[scenario:breaker(0)]]")).await;

    assert_eq!(over.status, 200);
}

#[tokio::test]
async fn a_quota_is_kept_for_each_key_and_tells_the_true_pause() {
    let server = ModelServer::emulate().await;
    let ask = async |key: &str| {
        let headers = [("authorization", key)];
        server.chat_with(&asking("fake:quota(600,2)", "hi"), &headers).await
    };

    let of_a = [ask("Bearer a").await, ask("Bearer a").await, ask("Bearer a").await];
    let of_b = ask("Bearer b").await;
    let refused = of_a[2].json();
    let delay = refused[0]["error"]["details"][1]["retryDelay"].as_str().unwrap().to_owned();
    let pause: f64 = delay.trim_end_matches('s').parse().unwrap();
    tokio::time::sleep(std::time::Duration::from_secs_f64(pause)).await;

    assert_eq!(of_a.map(|heard| heard.status), [200, 200, 429]);
    assert_eq!((of_b.status, ask("Bearer a").await.status), (200, 200));
    assert!(0.0 < pause && pause <= 0.1, "{pause}");
    assert!(refused.to_string().contains(&format!("Please retry in {delay}.")));
}

#[tokio::test]
async fn a_scripted_quota_stays_until_a_reset() {
    let server = ModelServer::emulate().await;
    server.script(&[json!({ "scenario": "quota(1)", "match": "rationed" })]).await;
    let body = asking(FLASH, "rationed");

    let first = server.chat(&body).await.status;
    let second = server.chat(&body).await.status;
    server.call(reqwest::Method::POST, "/_fake/reset?test=rationed", &[]).await;
    let third = server.chat(&body).await.status;

    assert_eq!([first, second, third], [200, 429, 200]);
}

#[tokio::test]
async fn a_directive_holds_for_the_first_answer_of_its_turn() {
    let server = ModelServer::emulate().await;

    for (name, again) in [("tool_single", 0), ("repeat_call", 1)] {
        let mut body = asking(FLASH, &format!("hello [[scenario:{name}]]"));
        let calls = server.chat(&body).await.calls();
        let id = calls[0]["id"].clone();
        let messages = body["messages"].as_array_mut().unwrap();
        messages.push(json!({ "role": "assistant", "tool_calls": calls }));
        messages.push(json!({ "role": "tool", "tool_call_id": id, "content": "done" }));

        assert_eq!(server.chat(&body).await.calls().len(), again, "{name}");
    }
}

#[tokio::test]
async fn nonsense_is_told_at_once() {
    let server = ModelServer::emulate().await;

    let unknown = server.chat(&asking("fake:nonsense", "hi")).await;
    let directive = server.chat(&asking(FLASH, "[[scenario:nonsense]]")).await;

    assert_eq!((unknown.status, directive.status), (400, 400));
    assert!(unknown.text.contains("There is no scenario `nonsense`."));
}

#[tokio::test]
async fn the_log_tells_what_was_asked_and_hides_the_key() {
    let server = ModelServer::emulate().await;
    let headers = [("authorization", "Bearer top-secret"), ("x-test-id", "mine")];

    let heard = server.chat_with(&asking(FLASH, "hello"), &headers).await;
    let log = server.settled_log_of("mine").await;

    assert_eq!(log[0]["body"]["messages"][0]["content"], "hello");
    assert_eq!((&log[0]["scenario"], &log[0]["ended"]), (&json!("agent"), &json!("complete")));
    assert_eq!(log[0]["bytes"], heard.text.len());
    assert_eq!(log[0]["headers"]["authorization"], "***");
    assert!(!json!(log).to_string().contains("top-secret"));
}

#[tokio::test]
async fn a_reset_of_one_test_leaves_the_others_alone() {
    let server = ModelServer::emulate().await;
    server.chat_with(&asking(FLASH, "x"), &[("x-test-id", "one")]).await;
    server.chat_with(&asking(FLASH, "x"), &[("x-test-id", "two")]).await;

    server.call(reqwest::Method::POST, "/_fake/reset?test=one", &[]).await;

    assert_eq!(server.log().await.len(), 1);
    server.call(reqwest::Method::POST, "/_fake/reset", &[]).await;
    assert!(server.log().await.is_empty());
}
