//! The program is killed while it goes on with an approval, and the approval comes again: under its
//! key, or as a retry of the message that is then approved anew. The call is made once.

use serde_json::{Value, json};
use tempfile::TempDir;

use super::for_each_seed;
use super::killing::{Strike, Victim, changes, connected, cut, items, post, retry, revived, todos};
use crate::support::app::events_in;
use crate::support::process::{Running, ask, stream};
use crate::support::random::Random;
use crate::support::watchdog::within;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_call_that_was_approved_before_a_kill_is_made_once() {
    for_each_seed(16, 4, approved).await;
}

async fn approved(seed: u64) {
    let mut random = Random(seed);
    let (strike, by_key) = (Strike::drawn(&mut random), random.below(2) == 0);
    let data = TempDir::new().unwrap();
    let server = Running::start(&data, &[]);
    connected(&server).await;
    ask(&server.url, &json!({ "message": "add milk" })).await;
    let asked = stream(&server.url, &json!({ "message": "delete milk" })).await;
    let (thread, message) = (asked[0]["thread"]["id"].clone(), asked[1]["item"].clone());
    let approve = approve(asked.last().unwrap());

    let key = ("idempotency-key", "approved");
    cut(&server, &strike, key, &approve).await;
    let server = revived(server, &strike, &data).await;
    let mut told = if by_key {
        sent(&server, key, &approve).await
    } else {
        sent(&server, ("idempotency-key", "again"), &retry(&message)).await
    };
    // Whoever tries the message again before the call was begun is asked again.
    if told.last().unwrap()["item"]["type"] == "structured_input" {
        assert!(!by_key, "seed {seed}: {told:#?}");
        told =
            sent(&server, ("idempotency-key", "anew"), &self::approve(told.last().unwrap())).await;
    }

    let end = told.last().unwrap();
    assert_eq!(end["item"]["type"], "assistant_message", "seed {seed} {strike:?}: {told:#?}");
    let left = todos(data.path()).await;
    let deleted = changes(data.path()).await.iter().filter(|tool| *tool == "delete_todo").count();
    if strike.victim == Victim::Child && !left.is_empty() {
        // Its tool server was not back within the limits of the call: not made, and not told as made.
        let said = end["item"]["content"][0]["text"].as_str().unwrap();
        assert!(deleted == 0 && !said.contains("Deleted"), "seed {seed} {strike:?}: {said}");
    } else {
        assert_eq!((left.as_slice(), deleted), (&[][..], 1), "seed {seed} {strike:?}");
    }
    let listed = items(&server, &thread).await;
    let waits = |item: &&Value| item["status"] == "pending";
    assert_eq!(listed.iter().find(waits), None, "seed {seed} {strike:?}");
}

fn approve(asked: &Value) -> Value {
    let form = &asked["item"];
    assert_eq!(form["type"], "structured_input", "{asked:#}");
    let id = form["inputs"][0]["id"].as_str().unwrap();
    let input = json!({ "answers": { id: { "values": ["Approve"] } } });
    let params = json!({ "thread_id": form["thread_id"], "item_id": form["id"], "input": input });
    json!({ "type": "threads.add_structured_input", "params": params })
}

async fn sent(server: &Running, header: (&'static str, &str), body: &Value) -> Vec<Value> {
    let answer = within("the answer", post(server, header, body)).await.unwrap();
    events_in(&answer.text().await.unwrap())
}
