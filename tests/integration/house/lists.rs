//! Threads and items, listed and paged.

use std::sync::Arc;
use std::time::Duration;

use futures::future::{join, join_all};
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::support::app::{Choices, TestApp, add, memory};
use crate::support::doubles::says;
use crate::support::faulty::Faulty;

#[tokio::test]
async fn a_thread_comes_with_the_oldest_of_its_items() {
    let app = TestApp::scripted([says("One."), says("Two.")]).await;
    let thread = app.create("first").await.thread_id();
    app.post("/chatkit", &add(&thread, "second")).await;

    let get = json!({ "type": "threads.get_by_id", "params": { "thread_id": thread } });
    let answer = app.post("/chatkit", &get).await;

    assert_eq!(answer.headers["content-type"], "application/json");
    let got = answer.json();
    let keys: Vec<_> = got.as_object().unwrap().keys().cloned().collect();
    assert_eq!(keys, ["id", "title", "created_at", "status", "metadata", "items"]);
    assert_eq!(got["title"], "First");
    assert_eq!(got["status"], json!({ "type": "active" }));
    let kinds: Vec<_> =
        got["items"]["data"].as_array().unwrap().iter().map(|i| &i["type"]).collect();
    assert_eq!(kinds, ["user_message", "assistant_message", "user_message", "assistant_message"]);
}

#[tokio::test]
async fn pages_follow_each_other_without_gap_or_overlap() {
    let app = TestApp::scripted((0..5).map(|n| says(&n.to_string()))).await;
    for n in 0..5 {
        app.create(&n.to_string()).await;
    }

    let mut seen: Vec<String> = Vec::new();
    let mut after = Value::Null;
    loop {
        let params = json!({ "limit": "2", "order": "asc", "after": after });
        let page = app.post("/chatkit", &json!({ "type": "threads.list", "params": params })).await;
        let page = page.json();
        let rows = page["data"].as_array().unwrap();
        seen.extend(rows.iter().map(|thread| thread["id"].as_str().unwrap().to_owned()));
        after = page["after"].clone();
        if page["has_more"] == json!(false) {
            break;
        }
    }

    let mut unique = seen.clone();
    unique.dedup();
    assert_eq!((seen.len(), unique.len()), (5, 5));
}

#[tokio::test]
async fn limits_and_cursors_that_make_no_sense_are_refused_or_forgiven_as_the_reference_does() {
    let app = TestApp::scripted([says("Hi.")]).await;
    app.create("hi").await;

    let table = [
        (json!({ "limit": 9999, "order": "desc" }), 200),
        (json!({ "limit": 0 }), 200),
        (json!({ "limit": null, "after": null }), 200),
        (json!({ "limit": 5_000_000_000_u64 }), 200),
        (json!({ "limit": "5000000000" }), 200),
        (json!({ "limit": 20.0 }), 200),
        (json!({ "limit": 1e300 }), 200),
        (json!({ "limit": 0.5 }), 422),
        (json!({ "limit": "+5" }), 422),
        (json!({ "order": null }), 422),
        (json!({ "limit": "many" }), 422),
        (json!({ "limit": -1 }), 422),
        (json!({ "after": "thr_nothing" }), 404),
    ];

    for (params, status) in table {
        let body = json!({ "type": "threads.list", "params": params });
        assert_eq!(app.post("/chatkit", &body).await.status, status, "{body}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_crowd_that_asks_for_lists_is_told_to_come_again_and_turns_go_on() {
    let (store, fails) = (memory().await, Box::new(|_| false));
    let store = Some(Arc::new(Faulty { store, fails, hangs: "list" }) as _);
    let app = TestApp::new(Choices { store, ..Choices::default() }).await;
    let list = json!({ "type": "threads.list", "params": { "limit": 9999 } });

    let asked = (0..100).map(|_| timeout(Duration::from_mins(1), app.post("/chatkit", &list)));
    let (told, created) = join(join_all(asked), app.create("hi")).await;

    let told: Vec<_> = told.into_iter().flatten().collect();
    assert_eq!(told.len(), 98, "two are being read");
    assert!(told.iter().all(|it| it.status == 429 && it.headers["retry-after"] == "5"));
    assert!(told[0].text.contains("Too many lists"), "{}", told[0].text);
    assert_eq!(created.status, 200);
}
