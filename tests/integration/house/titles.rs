//! Titles by the model: asked for after the answer, and nothing waits for them.

use std::sync::Arc;
use std::time::Duration;

use orchestrator::agents::ModelError;
use orchestrator::chat::Titles;
use orchestrator::domain::{Owner, ThreadId};
use serde_json::json;
use tokio::time::{Instant, timeout};

use crate::support::app::{Answer, Choices, TestApp, add, create, json_request, read_events};
use crate::support::doubles::{Act, ScriptedModel, fails, says};

/// Nothing here takes longer, or it hangs.
const LIMIT: Duration = Duration::from_mins(10);

#[tokio::test(start_paused = true)]
async fn the_model_is_asked_for_a_title_only_after_a_success() {
    for failure in [fails(ModelError::Empty), Act::Hang(Vec::new())] {
        let (app, model) = house([failure, says("Never asked")]).await;

        let answer = app.create("add milk").await;
        app.idle().await;

        assert_eq!(answer.events().last().unwrap()["type"], "error");
        assert_eq!(model.asked().len(), 1);
        assert_eq!(title(&app, &answer).await.as_deref(), Some("Add milk"));
    }
}

#[tokio::test(start_paused = true)]
async fn whoever_left_costs_no_title() {
    let (app, model) = house([Act::Hang(Vec::new()), says("Never asked")]).await;

    drop(read_events(app.open(json_request("/chatkit", &create("add milk"))).await, 3).await);
    app.idle().await;

    assert_eq!(model.asked().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_title_that_takes_its_time_holds_neither_the_stream_nor_the_next_message() {
    let (app, _) = house([says("Done."), Act::Hang(Vec::new()), says("Yes.")]).await;
    let begun = Instant::now();

    let answer = app.create("add milk").await;
    let streamed = begun.elapsed();
    let next = app.post("/chatkit", &add(&answer.thread_id(), "and?")).await;
    let answered = begun.elapsed();
    app.idle().await;

    assert!(streamed <= Duration::from_millis(500), "{streamed:?}");
    assert!(answered <= Duration::from_secs(1), "{answered:?}");
    assert_eq!(next.types().last().unwrap(), "done assistant_message");
    assert_eq!(title(&app, &answer).await.as_deref(), Some("Add milk"), "kept, if not told");
}

#[tokio::test(start_paused = true)]
async fn an_answer_in_one_piece_waits_for_no_title() {
    let (app, _) = house([says("Done."), Act::Hang(Vec::new())]).await;
    let begun = Instant::now();

    let answer = app.ask(&json!({ "message": "add milk" })).await;

    assert_eq!(answer.json()["outcome"], "completed");
    assert!(begun.elapsed() < Duration::from_millis(100), "{:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_drain_waits_for_no_title() {
    let (app, _) = house([says("Done."), Act::Hang(Vec::new())]).await;
    let begun = Instant::now();

    app.create("add milk").await;
    timeout(LIMIT, app.chat.drain(Duration::from_secs(30))).await.unwrap();

    assert_eq!(app.chat.running(), 0);
    assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn the_thread_pays_for_its_title() {
    let (app, _) = house([says("Done."), says("Shopping")]).await;

    let answer = app.create("add milk").await;
    app.idle().await;

    let thread = ThreadId::from(answer.thread_id().as_str());
    let spent = app.store.find(&Owner::anyone(), &thread).await.unwrap().unwrap().spent;
    assert_eq!(spent.usage.input_tokens, 20, "two calls");
}

async fn house<const N: usize>(script: [Act; N]) -> (TestApp, Arc<ScriptedModel>) {
    let model = ScriptedModel::new(script);
    let turn_timeout = Duration::from_secs(20);
    let choices =
        Choices { model: model.clone(), titles: Titles::Model, turn_timeout, ..Choices::default() };
    (TestApp::new(choices).await, model)
}

async fn title(app: &TestApp, answer: &Answer) -> Option<String> {
    let thread = ThreadId::from(answer.thread_id().as_str());
    app.store.find(&Owner::anyone(), &thread).await.unwrap().unwrap().title
}
