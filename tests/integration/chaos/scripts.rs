//! Random scripts of what people do, against the house and against a plain model of the protocol.

use std::collections::HashMap;
use std::sync::Arc;

use axum::response::Response;
use futures::StreamExt;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::doubles::Obedient;
use super::plain::{Plain, PlainItem, Status};
use super::{Random, for_each_seed};
use crate::contract::store;
use crate::support::app::{Answer, Choices, TestApp, add, create, json_request};
use crate::support::doubles::FakeTools;

/// Steps of one script.
const STEPS: u64 = 16;

/// What a person does. Threads, messages and forms are counted from the oldest.
#[derive(Clone, Debug)]
pub(super) enum Step {
    Create(String),
    Message(usize, String),
    Retry(usize, usize),
    /// With these words, if it is answered.
    Answer(usize, Status, String),
    Rename(usize, String),
    Delete(usize),
    /// The very request of an earlier step, under the same key.
    Again(usize),
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn any_script_ends_in_the_threads_of_the_plain_model() {
    for_each_seed(500, 2, agrees).await;
}

async fn agrees(seed: u64) {
    let mut random = Random(seed);
    let folder = TempDir::new().unwrap();
    let file = format!("sqlite://{}/threads.db", folder.path().display());
    let url = random.one_of(&["memory", "memory", "memory", &file]).to_owned();
    let mut house = House::new(&url).await;
    let (mut plain, mut script) = (Plain::default(), Vec::new());

    for n in 0..STEPS {
        let step = drawn(&mut random, n, &plain);
        script.push(step.clone());
        let expected = plain.take(n, &step);
        let status = house.take(n, &step).await;
        assert_eq!(status, expected, "{url} {script:#?}");
    }

    let found = house.threads().await;
    assert_eq!(found, plain.listed(), "{url} {script:#?}");
    let mut made = house.tools.made();
    made.sort();
    assert_eq!(made, plain.effects(), "{url} {script:#?}");
}

/// A step that makes sense at least half of the time; deleted threads are asked too.
fn drawn(random: &mut Random, n: u64, plain: &Plain) -> Step {
    let word = random.one_of(&["say", "say", "do", "ask", "ask", "fail", "hang"]);
    let text = format!("{word} {n}");
    let Some(thread) = pick(random, plain.threads.len()) else { return Step::Create(text) };
    let said = plain.threads[thread].messages();
    match (random.below(15), pick(random, said)) {
        (0 | 1, _) => Step::Create(text),
        (2 | 3, Some(message)) => Step::Retry(thread, message),
        (4..=6, _) => {
            let words = random.one_of(&["b".to_owned(), format!("do answer {n}")]);
            Step::Answer(thread, random.one_of(&[Status::Answered, Status::Skipped]), words)
        }
        (7, _) => Step::Rename(thread, format!("Title {n}")),
        (8, _) if random.below(3) == 0 => Step::Delete(thread),
        (9..=11, _) => match pick(random, plain.repeatable().len()) {
            Some(place) => Step::Again(plain.repeatable()[place]),
            None => Step::Message(thread, text),
        },
        _ => Step::Message(thread, text),
    }
}

fn pick(random: &mut Random, count: usize) -> Option<usize> {
    let count = u64::try_from(count).unwrap();
    (count > 0).then(|| usize::try_from(random.below(count)).unwrap())
}

/// The house, and the ids of its threads in the order of their beginning.
struct House {
    app: TestApp,
    tools: Arc<FakeTools>,
    threads: Vec<String>,
    /// What each step sent: its text, its body.
    sent: HashMap<usize, (String, Value)>,
}

impl House {
    async fn new(url: &str) -> Self {
        let tools = FakeTools::new(&["add"]);
        let (model, store) = (Arc::new(Obedient), Some(store(url).await));
        let choices = Choices { model, tools: tools.clone(), store, ..Choices::default() };
        let (threads, sent) = (Vec::new(), HashMap::new());
        Self { app: TestApp::new(choices).await, tools, threads, sent }
    }

    /// Does it and tells the status.
    async fn take(&mut self, n: u64, step: &Step) -> u16 {
        let n = usize::try_from(n).unwrap();
        match step {
            Step::Create(text) => {
                let status = self.turn(n, text, create(text)).await;
                let list = json!({ "type": "threads.list", "params": { "limit": 1 } });
                let newest = self.app.post("/chatkit", &list).await.json();
                self.threads.push(newest["data"][0]["id"].as_str().unwrap().to_owned());
                status
            }
            Step::Message(thread, text) => {
                let body = add(&self.threads[*thread], text);
                self.turn(n, text, body).await
            }
            Step::Retry(thread, message) => {
                let items = self.items(*thread).await;
                let mut said = items.iter().filter(|item| item["type"] == "user_message");
                let said = said.nth(*message).cloned().unwrap_or_else(|| json!({ "id": "none" }));
                let params = json!({ "thread_id": self.threads[*thread], "item_id": said["id"] });
                let text = said["content"][0]["text"].as_str().unwrap_or_default().to_owned();
                self.turn(n, &text, request("threads.retry_after_item", params)).await
            }
            Step::Again(earlier) => {
                let (text, body) = self.sent[earlier].clone();
                self.send(*earlier, &text, &body).await
            }
            Step::Answer(thread, status, words) => {
                let body = self.answer(*thread, *status, words).await;
                self.turn(n, "", body).await
            }
            Step::Rename(thread, title) => {
                let params = json!({ "thread_id": self.threads[*thread], "title": title });
                self.post("threads.update", params).await.status.as_u16()
            }
            Step::Delete(thread) => {
                let params = json!({ "thread_id": self.threads[*thread] });
                self.post("threads.delete", params).await.status.as_u16()
            }
        }
    }

    /// Answers the newest form.
    async fn answer(&self, thread: usize, status: Status, words: &str) -> Value {
        let items = self.items(thread).await;
        let form = items.iter().rfind(|item| item["type"] == "structured_input");
        let form = form.map_or(json!("none"), |item| item["id"].clone());
        let answers = json!({ "q1": { "values": [words] } });
        let input = json!({ "status": status.word(), "answers": answers });
        let thread = &self.threads[thread];
        let params = json!({ "thread_id": thread, "item_id": form, "input": input });
        request("threads.add_structured_input", params)
    }

    /// Listens to the end, or leaves when half an answer is there.
    async fn turn(&mut self, n: usize, text: &str, body: Value) -> u16 {
        let status = self.send(n, text, &body).await;
        self.sent.insert(n, (text.to_owned(), body));
        status
    }

    async fn send(&self, n: usize, text: &str, body: &Value) -> u16 {
        let mut request = json_request("/chatkit", body);
        request.headers_mut().insert("idempotency-key", format!("step-{n}").parse().unwrap());
        if !text.starts_with("hang") {
            return self.app.send(request).await.status.as_u16();
        }
        let response = self.app.open(request).await;
        let status = response.status().as_u16();
        leave_at_half(response).await;
        self.app.idle().await;
        status
    }

    async fn post(&self, kind: &str, params: Value) -> Answer {
        self.app.post("/chatkit", &request(kind, params)).await
    }

    async fn items(&self, thread: usize) -> Vec<Value> {
        let params = json!({ "thread_id": self.threads[thread], "limit": 9_999, "order": "asc" });
        let answer = self.post("items.list", params).await.json();
        answer["data"].as_array().cloned().unwrap_or_default()
    }

    /// Every thread that is listed: its title and its items.
    async fn threads(&self) -> Vec<(String, Vec<PlainItem>)> {
        let list = self.post("threads.list", json!({ "limit": 9_999, "order": "asc" })).await;
        let mut threads = Vec::new();
        for thread in list.json()["data"].as_array().unwrap() {
            let place = self.threads.iter().position(|id| *id == thread["id"]).unwrap();
            let items = self.items(place).await.iter().map(PlainItem::read).collect();
            threads.push((thread["title"].as_str().unwrap().to_owned(), items));
        }
        threads
    }
}

fn request(kind: &str, params: Value) -> Value {
    json!({ "type": kind, "params": params })
}

/// Leaves once half an answer came, or at the end.
async fn leave_at_half(response: Response) {
    let mut body = response.into_body().into_data_stream();
    while let Some(piece) = body.next().await {
        if String::from_utf8_lossy(&piece.unwrap()).contains("text_delta") {
            return;
        }
    }
}
