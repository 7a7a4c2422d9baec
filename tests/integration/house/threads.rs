//! Titles, feedback, deletion, and threads that take no more messages.

use orchestrator::chat::{Closing, Entry, Titles};
use orchestrator::domain::{Item, ItemContent, ItemId, Owner, Spend, Thread, ThreadStatus};
use serde_json::{Value, json};

use crate::contract::create as make;
use crate::support::app::{Choices, TestApp, add, memory};
use crate::support::doubles::{ScriptedModel, fails, says};

#[tokio::test]
async fn a_thread_is_called_by_its_first_words_and_by_the_person_s_from_then_on() {
    let app = TestApp::scripted([says("One."), says("Two.")]).await;

    let first =
        app.create("  add milk, eggs, bread, butter, flour and a lot of sugar\nplease").await;
    let thread = first.thread_id();
    let update = json!({ "type": "threads.update", "params": { "thread_id": thread, "title": "Groceries" } });
    let renamed = app.post("/chatkit", &update).await.json();
    let second = app.post("/chatkit", &add(&thread, "and?")).await;
    let listed =
        app.post("/chatkit", &json!({ "type": "threads.list", "params": {} })).await.json();

    assert_eq!(titles(&first.events()), ["Add milk, eggs, bread, butter, flour and a lot…"]);
    assert_eq!((&renamed["title"], &renamed["items"]["data"]), (&json!("Groceries"), &json!([])));
    assert_eq!(titles(&second.events()), [""; 0]);
    assert_eq!(listed["data"][0]["title"], "Groceries");
}

#[tokio::test]
async fn the_model_finds_a_title_if_it_is_asked_to_and_the_first_words_stand_in() {
    for (reply, expected) in [
        (says("\"Shopping list\""), "Shopping list"),
        (fails(orchestrator::agents::ModelError::Empty), "Add milk"),
    ] {
        let model = ScriptedModel::new([says("Done."), reply]);
        let titles_by = Titles::Model;
        let app = TestApp::new(Choices { model, titles: titles_by, ..Choices::default() }).await;

        let answer = app.create("add milk").await;

        assert_eq!(titles(&answer.events()), [expected]);
        let events = answer.events();
        let kinds: Vec<_> = events.iter().rev().take(2).map(|event| &event["type"]).collect();
        assert_eq!(kinds, ["thread.updated", "thread.item.done"], "the answer comes first");
    }
}

#[tokio::test]
async fn a_title_that_breaks_a_rule_is_refused() {
    let app = TestApp::scripted([says("One.")]).await;
    let thread = app.create("hi").await.thread_id();

    for title in ["", " \u{202e}", &"x".repeat(201)] {
        let params = json!({ "thread_id": thread, "title": title });
        let refused =
            app.post("/chatkit", &json!({ "type": "threads.update", "params": params })).await;

        assert_eq!(refused.status, 422, "{title:?}");
    }
}

#[tokio::test]
async fn a_deleted_thread_is_gone_with_all_that_was_in_it() {
    let app = TestApp::scripted([says("One.")]).await;
    let thread = app.create("hi").await.thread_id();
    let request = |kind: &str| json!({ "type": kind, "params": { "thread_id": thread } });

    let deleted = app.post("/chatkit", &request("threads.delete")).await;
    let got = app.post("/chatkit", &request("threads.get_by_id")).await;
    let items = app.post("/chatkit", &request("items.list")).await;
    let said = app.post("/chatkit", &add(&thread, "hello?")).await;

    assert_eq!((deleted.status.as_u16(), deleted.json()), (200, json!({})));
    assert_eq!([got.status, items.status, said.status].map(|status| status.as_u16()), [404; 3]);
}

#[tokio::test]
async fn feedback_is_taken_for_threads_that_exist() {
    let app = TestApp::scripted([says("One.")]).await;
    let first = app.create("hi").await;
    let rate = |thread: &str, kind: &str| {
        let params = json!({ "thread_id": thread, "item_ids": ["msg_1"], "kind": kind });
        json!({ "type": "items.feedback", "params": params })
    };

    let taken = app.post("/chatkit", &rate(&first.thread_id(), "positive")).await;
    let unknown = app.post("/chatkit", &rate("thr_nowhere", "negative")).await;
    let odd = app.post("/chatkit", &rate(&first.thread_id(), "so-so")).await;

    assert_eq!((taken.status.as_u16(), taken.json()), (200, json!({})));
    assert_eq!((unknown.status.as_u16(), odd.status.as_u16()), (404, 422));
}

#[tokio::test]
async fn locked_and_closed_threads_refuse_work_with_an_event_and_stay_free() {
    let store = memory().await;
    let reason = Some("Escalated".to_owned());
    let statuses =
        [ThreadStatus::Locked { reason: reason.clone() }, ThreadStatus::Closed { reason }];
    for status in statuses {
        let (thread, first) = opened(status);
        let lease = make(&*store, &thread, first).await;
        store.end(&lease, Closing::default()).await.unwrap();
        let app = TestApp::new(Choices { store: Some(store.clone()), ..Choices::default() }).await;

        for _ in 0..2 {
            let refused = app.post("/chatkit", &add(thread.id.as_str(), "hello?")).await;

            assert_eq!(refused.status, 200);
            let [event] = &refused.events()[..] else { panic!("{}", refused.text) };
            assert_eq!((&event["type"], &event["allow_retry"]), (&json!("error"), &json!(false)));
        }
    }
}

#[tokio::test]
async fn hidden_items_never_leave_the_server() {
    let store = memory().await;
    let (thread, first) = opened(ThreadStatus::Active);
    let lease = make(&*store, &thread, first).await;
    let hidden = ItemContent::SdkHiddenContext { content: "geheim".to_owned() };
    store.add(&lease, entry(&thread, hidden)).await.unwrap();
    let hidden = ItemContent::HiddenContextItem { content: json!({ "x": "geheim" }) };
    store.add(&lease, entry(&thread, hidden)).await.unwrap();
    store.end(&lease, Closing::default()).await.unwrap();
    let app = TestApp::new(Choices { store: Some(store), ..Choices::default() }).await;

    for kind in ["threads.get_by_id", "items.list"] {
        let request = json!({ "type": kind, "params": { "thread_id": thread.id } });
        let answer = app.post("/chatkit", &request).await;

        assert_eq!(answer.status, 200);
        assert!(!answer.text.contains("geheim"), "{}", answer.text);
    }
}

fn opened(status: ThreadStatus) -> (Thread, Entry) {
    let created_at = jiff::Timestamp::from_second(1_800_000_000).unwrap();
    let thread = Thread {
        id: "thr_1".into(),
        owner: Owner::anyone(),
        title: None,
        created_at,
        status,
        spent: Spend::default(),
        granted: Vec::new(),
    };
    let thread = Thread { id: orchestrator::domain::ThreadId::new_thread(), ..thread };
    let first = entry(&thread, ItemContent::EndOfTurn {});
    (thread, first)
}

fn entry(thread: &Thread, content: ItemContent) -> Entry {
    let (id, thread_id) = (ItemId::new_message(), thread.id.clone());
    let item = Item { id: id.clone(), thread_id, created_at: thread.created_at, content };
    Entry { root: id, item: Some(item), message: None }
}

fn titles(events: &[Value]) -> Vec<&str> {
    let updated = events.iter().filter(|event| event["type"] == "thread.updated");
    updated.map(|event| event["thread"]["title"].as_str().unwrap()).collect()
}
