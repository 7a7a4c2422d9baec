//! Copies of a request that meet at two processes over one store, and wait for the same thread.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::Request;
use orchestrator::chat::{Claim, Resource, Store};
use orchestrator::domain::{Owner, ThreadId};
use serde_json::{Value, json};

use crate::support::app::{Answer, Choices, TestApp, add, create, json_request, memory};
use crate::support::doubles::{Act, FakeTools, ScriptedModel, calls, says};
use crate::support::watchdog::until;

const HEADERS: [&str; 2] = ["idempotency-key", "chatkit-frame-instance-id"];

#[tokio::test(start_paused = true)]
async fn a_message_whose_copies_wait_in_two_houses_is_said_once() {
    for header in HEADERS {
        let houses = Houses::new([says("First.")], "Once.").await;
        let thread = houses.one.create("first").await.thread_id();

        let answers = houses.wait_with(&add(&thread, "yes"), header, &thread).await;

        for answer in answers {
            assert_eq!(answer.types().last().unwrap(), "done assistant_message", "{}", answer.text);
        }
        let said = houses.items(&thread).await;
        let said = said.iter().filter(|item| item["content"][0]["text"] == "yes").count();
        assert_eq!(said, 1, "{header}");
    }
}

#[tokio::test(start_paused = true)]
async fn answers_whose_copies_wait_in_two_houses_are_taken_once_and_told_to_both() {
    for header in HEADERS {
        let asks = calls(&[("ask_user", json!({ "questions": [{ "question": "How many?" }] }))]);
        let houses = Houses::new([asks], "Two.").await;
        let told = houses.one.create("add some").await.events();
        let form = told.iter().find(|event| event["item"]["type"] == "structured_input").unwrap();
        let thread = form["item"]["thread_id"].as_str().unwrap();
        let params = json!({
            "thread_id": thread, "item_id": form["item"]["id"],
            "input": { "answers": { "q1": { "values": ["2"] } } },
        });
        let body = json!({ "type": "threads.add_structured_input", "params": params });

        let answers = houses.wait_with(&body, header, thread).await;

        for answer in answers {
            assert_eq!(answer.types().last().unwrap(), "done assistant_message", "{}", answer.text);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_copy_that_waits_for_a_turn_in_another_house_is_told_its_answer() {
    for header in HEADERS {
        let (store, tools) = (memory().await, FakeTools::new(&["add"]));
        tools.gate.forget_permits(1_000);
        let model = ScriptedModel::new([calls(&[("add", json!({}))]), says("Once.")]);
        let (kept, choice) = (Some(Arc::clone(&store)), tools.clone());
        let one = TestApp::new(Choices { model, tools: choice, store: kept, ..Choices::default() });
        let one = one.await;
        let model = ScriptedModel::new([says("Twice.")]);
        let choices = Choices { model: model.clone(), store: Some(store), ..Choices::default() };
        let other = TestApp::new(choices).await;
        let copy = async {
            until("the tool runs", || !tools.running.lock().unwrap().is_empty()).await;
            other.send(with(&create("go"), header)).await
        };
        let answered = async {
            tokio::time::sleep(Duration::from_secs(2)).await;
            tools.gate.add_permits(1);
        };

        let first = one.send(with(&create("go"), header));
        let (first, copy, ()) = tokio::join!(first, copy, answered);

        assert_eq!(copy.events().pop(), first.events().pop(), "{}", copy.text);
        assert_eq!((model.asked().len(), tools.made().len()), (0, 1), "{header}");
    }
}

struct Houses {
    one: TestApp,
    other: TestApp,
    store: Arc<dyn Store>,
}

impl Houses {
    /// The first says these things; either says that one after them.
    async fn new(first: impl IntoIterator<Item = Act>, then: &str) -> Self {
        let store: Arc<dyn Store> = memory().await;
        let house = async |script: Vec<Act>| {
            let model = ScriptedModel::new(script);
            let store = Some(Arc::clone(&store));
            TestApp::new(Choices { model, store, ..Choices::default() }).await
        };
        let one = house(first.into_iter().chain([says(then)]).collect()).await;
        let other = house(vec![says(then)]).await;
        Self { one, other, store }
    }

    /// Sends the same to both while somebody else has the thread.
    async fn wait_with(&self, body: &Value, header: &'static str, thread: &str) -> [Answer; 2] {
        let resource = Resource::from(&ThreadId::from(thread));
        let Claim::Held(lease) = self.store.claim(&Owner::anyone(), &resource).await.unwrap()
        else {
            panic!("{thread} is held")
        };
        let let_go = async {
            tokio::time::sleep(Duration::from_secs(2)).await;
            self.store.release(&lease).await.unwrap();
        };
        let request = || with(body, header);
        let (one, other, ()) =
            tokio::join!(self.one.send(request()), self.other.send(request()), let_go);
        [one, other]
    }

    async fn items(&self, thread: &str) -> Vec<Value> {
        let params = json!({ "thread_id": thread, "limit": 100, "order": "asc" });
        let list = json!({ "type": "items.list", "params": params });
        self.one.post("/chatkit", &list).await.json()["data"].as_array().unwrap().clone()
    }
}

fn with(body: &Value, header: &'static str) -> Request<Body> {
    let mut request = json_request("/chatkit", body);
    request.headers_mut().insert(header, "K1".parse().unwrap());
    request
}
