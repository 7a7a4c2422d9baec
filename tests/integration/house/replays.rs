//! An answer that is told again from what is stored of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::body::Body;
use axum::http::Request;
use http_body_util::BodyExt;
use orchestrator::agents::Delta;
use orchestrator::chat::Store;
use serde_json::{Value, json};

use crate::support::app::{Answer, Choices, TestApp, create, json_request, memory, read_events};
use crate::support::doubles::{Act, FakeTools, ScriptedModel, calls, reply, says, tool_calls};
use crate::support::faulty::Faulty;
use crate::support::watchdog::until;

/// A lease that nobody renews is over by then.
const LEASE_OVER: Duration = Duration::from_secs(13);

fn keyed(mut request: Request<Body>) -> Request<Body> {
    request.headers_mut().insert("idempotency-key", "K1".parse().unwrap());
    request
}

/// The short form with a JSON answer.
async fn ask(app: &TestApp, body: &Value) -> Answer {
    let mut request = keyed(json_request("/chat", body));
    request.headers_mut().insert("accept", "application/json".parse().unwrap());
    app.send(request).await
}

#[tokio::test]
async fn a_whole_answer_is_told_again_with_all_its_texts_and_calls() {
    // The ids of calls repeat in the next round.
    let two = tool_calls(&[("add", json!({ "n": 1 })), ("add", json!({ "n": 2 }))]);
    let aloud = "Let me see.";
    let two = Act::Say(vec![Delta::Text(aloud.to_owned())], Ok(reply(aloud, two)));
    let mixed = calls(&[("read_broken", json!({ "n": 3 })), ("add", json!({ "n": 4 }))]);
    let model = ScriptedModel::new([two, mixed, says("All done.")]);
    let tools = FakeTools::new(&["add", "read_broken"]);
    let app = TestApp::new(Choices { model, tools, ..Choices::default() }).await;
    let body = json!({ "message": "go" });

    let first = ask(&app, &body).await.json();
    let again = ask(&app, &body).await.json();

    assert_eq!(again, first);
    let calls = first["tool_calls"].as_array().unwrap().iter();
    let numbers: Vec<_> = calls.map(|call| &call["arguments"]["n"]).collect();
    assert_eq!(numbers, [1, 2, 3, 4]);
}

#[tokio::test]
async fn a_message_that_led_to_a_question_is_told_again_up_to_the_question() {
    let asks = calls(&[("ask_user", json!({ "questions": [{ "question": "How many?" }] }))]);
    let model = ScriptedModel::new([asks, says("Two.")]);
    let app = TestApp::new(Choices { model: model.clone(), ..Choices::default() }).await;
    let body = json!({ "message": "add some" });

    let first = ask(&app, &body).await.json();
    let told_at_once = ask(&app, &body).await.json();
    let params = json!({ "thread_id": first["thread_id"], "limit": 9, "order": "asc" });
    let list = json!({ "type": "items.list", "params": params });
    let listed = app.post("/chatkit", &list).await.json();
    let form = listed["data"].as_array().unwrap().last().unwrap().clone();
    assert_eq!(form["type"], "structured_input", "{listed}");
    let params = json!({
        "thread_id": first["thread_id"], "item_id": form["id"],
        "input": { "answers": { "q1": { "values": ["2"] } } },
    });
    let answer = json!({ "type": "threads.add_structured_input", "params": params });
    app.post("/chatkit", &answer).await;
    let told_later = ask(&app, &body).await.json();

    assert_eq!(told_at_once, first);
    assert_eq!(
        (&told_later["outcome"], &told_later["tool_calls"]),
        (&json!("awaiting_input"), &json!([]))
    );
    assert!(!told_later["message"].as_str().unwrap().contains("Two."), "{told_later}");
    assert_eq!(model.asked().len(), 2);
}

/// The message is tried again after its first try died, and that try dies in a call as well.
#[tokio::test(start_paused = true)]
async fn a_try_that_died_in_a_call_is_told_as_cut_with_the_call_as_unknown() {
    let is_dying = Arc::new(AtomicBool::new(false));
    let dying = Arc::clone(&is_dying);
    let fails = Box::new(move |name: &str| {
        dying.load(Ordering::Relaxed)
            && matches!(name, "add" | "end" | "settle" | "release" | "renew" | "conclude")
    });
    let store: Arc<dyn Store> = Arc::new(Faulty { store: memory().await, fails, hangs: "" });
    let half = Act::Hang(vec![Delta::Text("Half".into())]);
    let model = ScriptedModel::new([half, calls(&[("add", json!({ "n": 1 }))])]);
    let tools = FakeTools::new(&["add"]);
    tools.gate.forget_permits(1_000);
    let (store, choice) = (Some(store), tools.clone());
    let app = TestApp::new(Choices { store, model, tools: choice, ..Choices::default() }).await;
    let die = async || {
        is_dying.store(true, Ordering::Relaxed);
        tools.gate.add_permits(1);
        app.idle().await;
        tokio::time::sleep(LEASE_OVER).await;
        is_dying.store(false, Ordering::Relaxed);
    };

    let told = read_events(app.open(keyed(json_request("/chatkit", &create("go")))).await, 6).await;
    die().await;
    let said = &told[1]["item"];
    let params = json!({ "thread_id": said["thread_id"], "item_id": said["id"] });
    let retry = json!({ "type": "threads.retry_after_item", "params": params });
    let retried = app.open(json_request("/chatkit", &retry)).await;
    tokio::select! {
        _ = retried.into_body().collect() => panic!("the call hangs"),
        () = until("the tool runs", || tools.running.lock().unwrap().len() == 1) => {}
    }
    die().await;
    let copy = app.send(keyed(json_request("/chatkit", &create("go")))).await;

    let end = copy.events().pop().unwrap();
    assert_eq!((&end["type"], &end["allow_retry"]), (&json!("error"), &json!(false)), "{end}");
    let words = end["message"].as_str().unwrap();
    assert!(words.contains("It is not known whether this was done: add ×1."), "{words}");
}
