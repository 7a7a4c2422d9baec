//! Answers that cost more than they may, and what was spent.

use std::sync::Arc;

use orchestrator::agents::{ModelError, SpendBudget};
use orchestrator::domain::{Cost, Message, Owner, Spend};
use serde_json::{Value, json};

use crate::integration::scenarios::{model, patient};
use crate::support::app::{Answer, Choices, TestApp, add, create, json_request, read_events};
use crate::support::doubles::{Act, FakeTools, ScriptedModel, calls, fails, says};
use crate::support::model_server::ModelServer;

/// One call of a scripted model.
const TOKENS: SpendBudget = SpendBudget { max_tokens: Some(12), max_cost: None };

#[tokio::test]
async fn at_its_limit_a_turn_asks_and_goes_on_afresh_without_a_word_to_the_model() {
    let house = House::new(TOKENS, [adds(1), adds(2), says("Both are there.")]).await;

    let first = house.app.create("add two").await;
    let second = house.answer(&first, "Go on").await;
    let third = house.answer(&second, "Go on").await;

    for (answer, thread) in [(&first, "12 tokens ($0.0010)"), (&second, "24 tokens ($0.0020)")] {
        assert_eq!(answer.types().last().unwrap(), "done structured_input", "{}", answer.text);
        let form = form_in(answer);
        let expected = format!(
            "Since you last spoke I have used 12 tokens ($0.0010), and the limit is 12 tokens. \
             The whole conversation has used {thread}. Shall I go on?"
        );
        assert_eq!(form["inputs"][0]["question"], expected);
        assert_eq!(
            form["inputs"][0]["options"],
            json!([{ "value": "Go on" }, { "value": "Stop here" }])
        );
    }
    assert_eq!(third.types().last().unwrap(), "done assistant_message");
    assert_eq!(house.tools.made(), ["add {\"n\":1}", "add {\"n\":2}"]);
    for asked in &house.model.asked()[1..] {
        assert!(matches!(asked.messages.last(), Some(Message::Tools { .. })), "{asked:?}");
    }
}

#[tokio::test]
async fn whoever_stops_or_skips_ends_the_turn_at_once_and_the_model_hears_of_it_later() {
    for input in [chosen("Stop here"), json!({ "status": "skipped" })] {
        let house = House::new(TOKENS, [adds(1), says("Hello.")]).await;
        let asked = house.app.create("add two").await;

        let stopped = house.settle(&asked, &input).await;
        let before = house.model.asked().len();
        let listed = house.items(&asked).await;
        house.app.post("/chatkit", &add(&asked.thread_id(), "hi")).await;

        let expected = ["stream_options", "replaced structured_input", "done assistant_message"];
        assert_eq!(stopped.types(), expected, "{}", stopped.text);
        assert_eq!(before, 1);
        assert_eq!(listed.last(), stopped.events().last().map(|event| &event["item"]));
        let heard = json!(house.model.asked()[1].messages);
        assert!(heard.to_string().contains("the user stopped it"), "{heard}");
    }
}

#[tokio::test]
async fn a_turn_that_was_stopped_so_is_told_again_to_whoever_asks_again() {
    let house = House::new(TOKENS, [adds(1)]).await;
    let asked = house.app.create("add two").await;

    let mut told = Vec::new();
    for _ in 0..2 {
        let mut request = json_request("/chatkit", &settling(&asked, &chosen("Stop here")));
        request.headers_mut().insert("idempotency-key", "once".parse().unwrap());
        told.push(house.app.send(request).await);
    }

    let [stopped, again] = &told[..] else { unreachable!("it was sent twice") };
    assert_eq!(again.types(), stopped.types());
    assert_eq!(house.items(&asked).await.len(), 4, "message, step, form, end");
    assert_eq!(house.model.asked().len(), 1);
}

#[tokio::test]
async fn words_of_ones_own_go_on_and_are_for_the_model() {
    let house = House::new(TOKENS, [adds(1), says("As you like.")]).await;
    let asked = house.app.create("add two").await;

    let answer = house.answer(&asked, "Only the milk").await;

    assert_eq!(answer.types().last().unwrap(), "done assistant_message");
    let said = Message::User { text: "Only the milk".to_owned() };
    assert_eq!(house.model.asked()[1].messages.last(), Some(&said));
}

#[tokio::test]
async fn a_message_instead_of_an_answer_settles_the_form_and_is_answered() {
    let house = House::new(TOKENS, [adds(1), says("Hello.")]).await;
    let asked = house.app.create("add two").await;

    let answer = house.app.post("/chatkit", &add(&asked.thread_id(), "never mind")).await;

    assert_eq!(form_in(&answer)["status"], "skipped");
    assert_eq!(answer.types().last().unwrap(), "done assistant_message");
}

#[tokio::test]
async fn a_whole_answer_is_given_whatever_it_cost() {
    let house =
        House::new(SpendBudget { max_tokens: Some(1), max_cost: None }, [says("Hi.")]).await;

    let answer = house.app.ask(&json!({ "message": "hi" })).await.json();

    assert_eq!((&answer["outcome"], &answer["message"]), (&json!("completed"), &json!("Hi.")));
}

#[tokio::test]
async fn the_short_form_ends_and_says_what_was_spent_and_done() {
    let max_cost = Some(Cost::from_nanos(900_000));
    let house = House::new(SpendBudget { max_tokens: None, max_cost }, [adds(1)]).await;

    let answer = house.app.ask(&json!({ "message": "add two" })).await.json();

    assert_eq!(answer["outcome"], "stopped");
    let told = "I stopped: this answer has used 12 tokens ($0.0010), and the limit is $0.0009. \
        Done so far: add ×1.";
    assert_eq!(answer["message"], told);
}

#[tokio::test]
async fn a_retry_keeps_what_was_done_and_what_was_spent() {
    let house = House::new(TOKENS, [adds(1), fails(ModelError::Empty), says("One.")]).await;
    let first = house.app.create("add one").await;
    let item = first.events()[1]["item"].clone();
    house.answer(&first, "Go on").await;

    let params = json!({ "thread_id": item["thread_id"], "item_id": item["id"] });
    let retry = json!({ "type": "threads.retry_after_item", "params": params });
    let again = house.app.post("/chatkit", &retry).await;

    assert_eq!(again.types().last().unwrap(), "done assistant_message");
    assert_eq!(house.tools.made().len(), 1);
    let thread =
        house.app.store.find(&Owner::anyone(), &first.thread_id().into()).await.unwrap().unwrap();
    assert_eq!(thread.spent.usage.total(), 3 * 12);
}

#[tokio::test]
async fn what_turns_cost_adds_up_in_their_thread_and_outlives_the_process() {
    let folder = tempfile::TempDir::new().unwrap();
    let url = format!("sqlite://{}/threads.db", folder.path().display());
    let server = ModelServer::emulate().await;
    server.script(&vec![json!({ "scenario": "text_usage_last" }); 3]).await;

    let (mut thread, mut told) = (Value::Null, Vec::new());
    for _ in 0..3 {
        let store = Some(crate::contract::stores::store(&url).await);
        let choices = Choices { model: model(patient(&server)), store, ..Choices::default() };
        let house = TestApp::new(choices).await;
        let body = json!({ "message": "hi", "thread_id": thread });
        let answer = house.ask(&body).await.json();
        thread = answer["thread_id"].clone();
        told.push(answer);
    }

    for (turn, turns) in told.iter().zip(1_u32..) {
        assert_eq!(turn["usage"], costing(1), "{turn}");
        assert_eq!(turn["thread_usage"], costing(turns), "{turn}");
    }
}

#[tokio::test]
async fn an_answer_that_nobody_waited_for_is_on_the_threads_bill() {
    let server = ModelServer::emulate().await;
    server.script(&[json!({ "scenario": "stall_after(2)" })]).await;
    let choices = Choices { model: model(patient(&server)), ..Choices::default() };
    let app = TestApp::new(choices).await;

    let told = read_events(app.open(json_request("/chatkit", &create("hi"))).await, 6).await;
    app.idle().await;

    let id = told[0]["thread"]["id"].as_str().unwrap().into();
    let spent = app.store.find(&Owner::anyone(), &id).await.unwrap().unwrap().spent;
    assert_ne!(spent, Spend::default());
}

/// What the scenario costs: 41 tokens in and 12 out at the price of gemini-2.5-flash.
fn costing(turns: u32) -> Value {
    let nanos = turns * (41 * 300 + 12 * 2_500);
    json!({
        "input_tokens": 41 * turns, "cached_tokens": 0,
        "output_tokens": 12 * turns, "thinking_tokens": 0,
        "cost_usd": f64::from(nanos) / 1e9,
    })
}

struct House {
    app: TestApp,
    model: Arc<ScriptedModel>,
    tools: Arc<FakeTools>,
}

impl House {
    async fn new<const N: usize>(budget: SpendBudget, script: [Act; N]) -> Self {
        let (model, tools) = (ScriptedModel::new(script), FakeTools::new(&["add"]));
        let choices =
            Choices { model: model.clone(), tools: tools.clone(), budget, ..Choices::default() };
        Self { app: TestApp::new(choices).await, model, tools }
    }

    async fn answer(&self, asked: &Answer, value: &str) -> Answer {
        self.settle(asked, &chosen(value)).await
    }

    async fn settle(&self, asked: &Answer, input: &Value) -> Answer {
        self.app.post("/chatkit", &settling(asked, input)).await
    }

    async fn items(&self, asked: &Answer) -> Vec<Value> {
        let params = json!({ "thread_id": asked.thread_id(), "order": "asc" });
        let list = json!({ "type": "items.list", "params": params });
        self.app.post("/chatkit", &list).await.json()["data"].as_array().unwrap().clone()
    }
}

fn adds(n: u32) -> Act {
    calls(&[("add", json!({ "n": n }))])
}

fn chosen(value: &str) -> Value {
    json!({ "answers": { "budget": { "values": [value] } } })
}

fn settling(asked: &Answer, input: &Value) -> Value {
    let form = form_in(asked);
    let params = json!({ "thread_id": form["thread_id"], "item_id": form["id"], "input": input });
    json!({ "type": "threads.add_structured_input", "params": params })
}

/// The last form of a stream.
fn form_in(answer: &Answer) -> Value {
    let is_form = |event: &Value| event["item"]["type"] == "structured_input";
    answer.events().into_iter().rfind(is_form).unwrap()["item"].clone()
}
