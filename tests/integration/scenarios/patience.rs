//! Time limits, and what happens when nobody waits any more.

use std::time::Duration;

use futures::FutureExt;
use orchestrator::agents::{AgentEvent, Delta, Deltas, Model, ModelError, ModelRequest};
use orchestrator::domain::Message;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::{ask, model, patient, scripted, settings, text_of};
use crate::support::doubles::listener;
use crate::support::model_server::ModelServer;
use crate::support::watchdog::Watchdog;

const SHORT: Duration = Duration::from_millis(150);

#[tokio::test]
async fn an_answer_that_does_not_begin_times_out_and_is_asked_for_once_more() {
    for scenario in ["hang_headers", "slow_ttft(60000)", "trickle", "stall_after(0)"] {
        let server = scripted(&[scenario; 3]).await;
        let settings = model::Settings { first_event_timeout: SHORT, ..patient(&server) };

        let heard = ask(&model(settings), "hi").await;

        let error = ModelError::TimedOut("no answer began");
        assert_eq!(heard.end, Err(error), "{scenario}");
        assert_eq!(server.log().await.len(), 2, "{scenario}");
    }
}

#[tokio::test]
async fn an_answer_that_stalls_times_out_and_is_not_asked_for_again() {
    let server = scripted(&["stall_after(2)"; 3]).await;
    let settings = model::Settings { stall_timeout: SHORT, ..patient(&server) };

    let heard = ask(&model(settings), "hi").await;

    assert_eq!(heard.end, Err(ModelError::TimedOut("it fell silent")));
    assert_eq!(text_of(&heard.said), "One, two, ");
    assert_eq!(server.log().await.len(), 1);
}

#[tokio::test]
async fn thoughts_alone_do_not_forbid_another_attempt() {
    let server = ModelServer::emulate().await;
    let thinks = json!({ "answer": { "thoughts": ["Hm."], "text": "" } });
    server.script(&[thinks, json!({ "scenario": "text_usage_last" })]).await;
    let settings = model::Settings { thinking: model::Thinking::Auto, ..patient(&server) };

    let heard = ask(&model(settings), "hi").await;

    assert_eq!(heard.said.first(), Some(&Delta::Thought("Hm.".to_owned())));
    assert!(heard.end.is_ok(), "{:?}", heard.end);
    assert_eq!(server.log().await.len(), 2);
}

#[tokio::test]
async fn an_attempt_that_is_made_again_is_not_thought_aloud_again() {
    let server = ModelServer::emulate().await;
    let answer =
        |thought: &str, text: &str| json!({ "answer": { "thoughts": [thought], "text": text } });
    server.script(&[answer("Hm.", ""), answer("Hm, well.", "Yes.")]).await;

    let heard = ask(&model(patient(&server)), "hi").await;

    assert!(heard.end.is_ok(), "{:?}", heard.end);
    assert_eq!(heard.said, [Delta::Thought("Hm.".to_owned()), Delta::Text("Yes.".to_owned())]);
}

#[tokio::test]
async fn dropping_the_future_closes_the_upstream() {
    for scenario in ["stall_after(2)", "hang_headers"] {
        let server = scripted(&[scenario]).await;
        let model = model(settings(&server));
        let messages = [Message::User { text: "hi".to_owned() }];
        let deadline = Instant::now() + Duration::from_mins(1);
        let request = ModelRequest {
            model: None,
            system: "Be kind.",
            messages: &messages,
            images: &[],
            tools: &[],
            deadline,
        };
        let (heard, mut events) = listener();
        let deltas = Deltas::new(heard);

        let mut reply = model.reply(request, &deltas);
        if scenario == "hang_headers" {
            let watchdog = Watchdog::new();
            while server.log().await.is_empty() {
                watchdog.check("the request is there");
                assert!((&mut reply).now_or_never().is_none());
            }
        } else {
            let first = tokio::select! { _ = &mut reply => None, event = events.recv() => event };
            assert!(matches!(first, Some(AgentEvent::Said(_))));
        }
        drop(reply);

        assert_eq!(ended(&server).await, "client_closed", "{scenario}");
        assert_eq!(model.refuses_for(), None);
    }
}

/// How the only request ended, once it has.
async fn ended(server: &ModelServer) -> Value {
    let watchdog = Watchdog::new();
    loop {
        watchdog.check("the request ends");
        let ended = server.log().await[0]["ended"].clone();
        if ended != "open" {
            return ended;
        }
    }
}
