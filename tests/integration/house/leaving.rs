//! Clients that leave, at every moment there is.

use std::sync::Arc;

use orchestrator::agents::Delta;
use orchestrator::domain::ThreadId;
use serde_json::{Value, json};

use crate::support::app::{Choices, TestApp, add, create, json_request, read_events};
use crate::support::doubles::{Act, FakeTools, ScriptedModel, calls, says};

#[tokio::test]
async fn a_turn_cut_at_any_event_leaves_nothing_running_and_the_next_turn_works() {
    let whole = turn_with_tools().await.create("go").await.events().len();

    for cut in 0..=whole {
        let app = turn_with_tools().await;

        let first = read_events(app.open(json_request("/chatkit", &create("go"))).await, cut).await;
        app.idle().await;
        let thread = threads(&app).await;
        let next = app.post("/chatkit", &add(&thread, "again")).await;

        assert!(first.len() >= cut.min(whole), "cut at {cut}");
        assert_eq!(next.status, 200);
        let end = next.events().pop().unwrap();
        assert!(end["type"] == "thread.item.done" || end["type"] == "error", "cut at {cut}: {end}");
    }
}

#[tokio::test]
async fn text_streamed_before_leaving_is_kept_under_its_id_and_marked() {
    let hang = Act::Hang(vec![Delta::Text("Half an ".into()), Delta::Text("answer".into())]);
    let app = TestApp::scripted([hang]).await;

    let seen = read_events(app.open(json_request("/chatkit", &create("go"))).await, 7).await;
    app.idle().await;
    let listed = app.post("/chatkit", &items(&threads(&app).await)).await.json();

    let kept = &listed["data"][0];
    assert_eq!(kept["id"], seen[4]["item"]["id"]);
    let text = kept["content"][0]["text"].as_str().unwrap();
    assert!(text.starts_with("Half an answer") && text.ends_with("*[cut off here]*"), "{text}");
}

#[tokio::test]
async fn leaving_while_a_change_is_under_way_awaits_and_records_it() {
    let model = ScriptedModel::new([calls(&[("add", json!({ "n": 1 }))]), says("Next.")]);
    let tools = FakeTools::new(&["add"]);
    tools.gate.forget_permits(1_000);
    let choices = Choices { model: model.clone(), tools: tools.clone(), ..Choices::default() };
    let app = TestApp::new(choices).await;

    drop(read_events(app.open(json_request("/chatkit", &create("go"))).await, 4).await);
    tools.gate.add_permits(10);
    app.idle().await;
    let thread = threads(&app).await;
    let transcript = app.store.transcript(&ThreadId::from(thread.as_str()), 50).await.unwrap();

    assert_eq!(tools.made(), ["add {\"n\":1}"]);
    let roles: Vec<_> = transcript.iter().map(|m| json!(m)["role"].clone()).collect();
    assert_eq!(roles, ["user", "assistant", "tools", "note"]);
}

#[tokio::test]
async fn steps_that_were_done_stay_in_the_thread_although_the_person_left() {
    let two = calls(&[("read_a", json!({})), ("read_slow", json!({}))]);
    let model = ScriptedModel::new([calls(&[("add", json!({ "title": "milk" }))]), two]);
    let tools = FakeTools::new(&["read_a", "read_slow", "add"]);
    tools.gate.forget_permits(998);
    let app = TestApp::new(Choices { model, tools, ..Choices::default() }).await;

    drop(read_events(app.open(json_request("/chatkit", &create("go"))).await, 8).await);
    app.idle().await;
    let listed = app.post("/chatkit", &items(&threads(&app).await)).await.json();

    let tasks = listed["data"][0]["workflow"]["tasks"].as_array().unwrap();
    assert_eq!(
        (&tasks[0]["title"], &tasks[0]["status_indicator"]),
        (&json!("Adding milk"), &json!("complete"))
    );
    assert!(tasks.iter().all(|task| task["status_indicator"] != "loading"), "{tasks:?}");
    assert!(listed["data"][0]["workflow"]["summary"]["duration"].is_u64());
}

#[tokio::test]
async fn a_cut_answer_is_marked_in_the_words_that_the_page_looks_for() {
    let hang = Act::Hang(vec![Delta::Text("Half".into())]);
    let app = TestApp::scripted([hang]).await;
    drop(read_events(app.open(json_request("/chatkit", &create("go"))).await, 7).await);
    app.idle().await;
    let listed = app.post("/chatkit", &items(&threads(&app).await)).await.json();
    let page = app.get("/page.js").await.text;

    let text = listed["data"][0]["content"][0]["text"].as_str().unwrap();
    let mark = text.trim_start_matches("Half").trim();
    assert!(page.contains(&format!("const CUT_MARK = \"{mark}\";")), "{mark}");
}

async fn turn_with_tools() -> TestApp {
    let thought = vec![Delta::Thought("Hm.".into())];
    let reply = crate::support::doubles::reply(
        "",
        crate::support::doubles::tool_calls(&[("read_a", json!({})), ("add", json!({ "n": 1 }))]),
    );
    let model = ScriptedModel::new([
        Act::Say(thought, Ok(reply)),
        says("That is done now."),
        says("Again."),
        says("And again."),
    ]);
    TestApp::new(Choices { model: model as Arc<_>, ..Choices::default() }).await
}

/// The one thread there is.
async fn threads(app: &TestApp) -> String {
    let list = json!({ "type": "threads.list", "params": {} });
    let listed = app.post("/chatkit", &list).await.json();
    assert_eq!(listed["data"].as_array().unwrap().len(), 1);
    listed["data"][0]["id"].as_str().unwrap().to_owned()
}

fn items(thread: &str) -> Value {
    json!({ "type": "items.list", "params": { "thread_id": thread } })
}
