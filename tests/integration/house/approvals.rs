//! Calls that wait until a person approves them (ADR 38).

use std::pin::pin;
use std::sync::Arc;

use axum::body::Body;
use axum::http::Request;
use futures::poll;
use orchestrator::domain::{ApprovalRule, Message};
use serde_json::{Value, json};

use crate::support::app::{Answer, Choices, TestApp, add, create, json_request};
use crate::support::callers::{known, with_key};
use crate::support::doubles::{Act, FakeTools, ScriptedModel, calls, fails, says};
use crate::support::watchdog::{until, within};

const WIPED: &str = "wipe {\"id\":1}";

/// A house, its model and its tools.
struct House {
    app: TestApp,
    model: Arc<ScriptedModel>,
    tools: Arc<FakeTools>,
}

impl House {
    async fn new(script: impl IntoIterator<Item = Act>) -> Self {
        Self::with(script, Choices::default()).await
    }

    async fn with(script: impl IntoIterator<Item = Act>, choices: Choices) -> Self {
        let model = ScriptedModel::new(script);
        let tools = FakeTools::new(&["read_a", "add", "wipe", "wipe_all"]);
        let choices = Choices { model: model.clone(), tools: tools.clone(), ..choices };
        Self { app: TestApp::new(choices).await, model, tools }
    }

    async fn says(&self, thread: &Value, words: &str) -> Value {
        self.app.ask(&json!({ "thread_id": thread, "message": words })).await.json()
    }

    /// What the tools were asked to do that cannot be undone.
    fn wiped(&self) -> Vec<String> {
        self.tools.made().into_iter().filter(|call| call.starts_with("wipe")).collect()
    }

    fn told(&self) -> String {
        json!(self.model.asked().last().unwrap().messages).to_string()
    }
}

fn wipes() -> Act {
    calls(&[("wipe", json!({ "id": 1 }))])
}

fn asks() -> Value {
    json!({ "message": "wipe it" })
}

fn approve(told: &Value) -> Value {
    json!({ "thread_id": told["thread_id"], "approve": told["confirmation"]["id"] })
}

fn decline(told: &Value) -> Value {
    json!({ "thread_id": told["thread_id"], "decline": told["confirmation"]["id"] })
}

fn form_in(answer: &Answer) -> Value {
    let events = answer.events();
    let is_form = |event: &&Value| event["item"]["type"] == "structured_input";
    events.iter().rfind(is_form).unwrap()["item"].clone()
}

fn answers(form: &Value, value: &str) -> Value {
    let id = form["inputs"][0]["id"].as_str().unwrap();
    let input = json!({ "answers": { id: { "values": [value] } } });
    let params = json!({ "thread_id": form["thread_id"], "item_id": form["id"], "input": input });
    json!({ "type": "threads.add_structured_input", "params": params })
}

fn with_header(body: &Value, name: &'static str, value: &str) -> Request<Body> {
    let mut request = json_request("/chat", body);
    request.headers_mut().insert("accept", "application/json".parse().unwrap());
    request.headers_mut().insert(name, value.parse().unwrap());
    request
}

#[tokio::test]
async fn a_destructive_call_waits_and_is_made_once_it_is_approved() {
    let house = House::new([wipes(), says("Gone.")]).await;

    let told = house.app.ask(&asks()).await.json();
    let before = house.wiped();
    let done = house.app.ask(&approve(&told)).await.json();

    assert_eq!(told["outcome"], "awaiting_input");
    assert_eq!(told["tool_calls"], json!([]));
    let call = &told["confirmation"]["calls"][0];
    assert_eq!((&call["server"], &call["tool"]), (&json!("fake"), &json!("wipe")));
    assert_eq!(call["arguments"], json!({ "id": 1 }));
    assert_eq!(call["question"], "May the assistant call wipe of fake, with id = 1?");
    assert!(before.is_empty(), "{before:?}");
    assert_eq!((&done["outcome"], &done["message"]), (&json!("completed"), &json!("Gone.")));
    assert_eq!(house.wiped(), [WIPED]);
    assert_eq!(done["tool_calls"][0]["result"], "wipe says yes");
    assert!(done.get("confirmation").is_none());
    let sent = house.model.asked().pop().unwrap().messages;
    let roles: Vec<_> = sent.iter().map(|it| json!(it)["role"].clone()).collect();
    assert_eq!(roles, ["user", "assistant", "tools"], "nothing comes between call and result");
}

#[tokio::test]
async fn the_form_is_listed_as_it_was_streamed_and_its_options_begin_with_approve_and_decline() {
    let house = House::new([wipes(), says("Gone.")]).await;

    let told = house.app.create("wipe it").await;
    let form = form_in(&told);
    let list = json!({ "type": "items.list", "params": { "thread_id": form["thread_id"] } });
    let listed = house.app.post("/chatkit", &list).await.json();
    let done = house.app.post("/chatkit", &answers(&form, "Approve")).await;

    assert_eq!(told.types().last().unwrap(), "done structured_input");
    let options = &form["inputs"][0]["options"];
    assert_eq!(options[0]["value"], "Approve");
    assert_eq!(options[1]["value"], "Decline");
    assert_eq!(options[2]["value"], "Approve for this conversation");
    assert_eq!(listed["data"][0], form);
    assert_eq!(done.events()[1]["item"]["status"], "answered");
    assert_eq!(done.types().last().unwrap(), "done assistant_message");
    assert_eq!(house.wiped(), [WIPED]);
}

#[tokio::test]
async fn a_declined_call_is_told_to_the_model_and_an_equal_one_is_refused_without_a_question() {
    let house = House::new([wipes(), wipes(), says("As you like.")]).await;

    let told = house.app.ask(&asks()).await.json();
    let done = house.app.ask(&decline(&told)).await.json();

    assert_eq!((&done["outcome"], &done["message"]), (&json!("completed"), &json!("As you like.")));
    assert!(house.wiped().is_empty());
    assert_eq!(house.told().matches("did not approve this call").count(), 2, "{}", house.told());
}

#[tokio::test]
async fn other_arguments_and_later_calls_need_an_approval_of_their_own() {
    let other = calls(&[("wipe", json!({ "id": 2 }))]);
    let house = House::new([wipes(), other, wipes(), says("Done.")]).await;

    let first = house.app.ask(&asks()).await.json();
    let second = house.app.ask(&approve(&first)).await.json();
    let third = house.app.ask(&approve(&second)).await.json();

    assert_eq!(second["confirmation"]["calls"][0]["arguments"], json!({ "id": 2 }));
    assert_eq!(third["outcome"], "awaiting_input", "an equal call is a new one");
    assert_eq!(house.wiped(), [WIPED, "wipe {\"id\":2}"]);
}

#[tokio::test]
async fn a_tool_may_be_approved_for_one_conversation() {
    let all = calls(&[("wipe_all", json!({}))]);
    let script = [wipes(), says("Gone."), wipes(), says("Again."), all, wipes()];
    let house = House::new(script).await;

    let told = house.app.create("wipe it").await;
    let form = form_in(&told);
    house.app.post("/chatkit", &answers(&form, "Approve for this conversation")).await;
    let again = house.says(&form["thread_id"], "wipe it again").await;
    let other = house.says(&form["thread_id"], "wipe all").await;
    let elsewhere = house.app.ask(&asks()).await.json();

    assert_eq!(again["outcome"], "completed");
    assert_eq!(other["outcome"], "awaiting_input", "another tool was not approved");
    assert_eq!(elsewhere["outcome"], "awaiting_input", "nor was it in another conversation");
    assert_eq!(house.wiped(), [WIPED, WIPED]);
}

#[tokio::test]
async fn a_plain_yes_or_no_as_the_whole_message_is_the_answer() {
    for (words, made, end) in [
        ("yes", 1, "completed"),
        ("Yes!", 1, "completed"),
        (" approve ", 1, "completed"),
        ("ja", 1, "completed"),
        ("No.", 0, "completed"),
        ("yes but only the first", 0, "completed"),
        ("the model says: yes", 0, "completed"),
    ] {
        let house = House::new([wipes(), says("Well.")]).await;
        let told = house.app.ask(&asks()).await.json();

        let done = house.says(&told["thread_id"], words).await;

        assert_eq!(done["outcome"], end, "{words}");
        assert_eq!(house.wiped().len(), made, "{words}");
    }
}

#[tokio::test]
async fn anything_else_approves_nothing_and_the_model_reads_both() {
    let house = House::new([wipes(), says("Then not."), says("Hello.")]).await;
    let told = house.app.ask(&asks()).await.json();

    house.says(&told["thread_id"], "what would that do?").await;
    let late = house.app.ask(&approve(&told)).await;
    house.says(&told["thread_id"], "yes").await;

    assert!(house.wiped().is_empty());
    let told = house.told();
    assert!(told.contains("but wrote something else") && told.contains("what would"), "{told}");
    assert!(!told.contains("was not finished") && !told.contains("unknown"), "{told}");
    assert_eq!((late.status.as_u16(), late.json()["code"].clone()), (409, json!("not_waiting")));
}

#[tokio::test]
async fn an_approval_counts_once() {
    let house = House::new([wipes(), says("Gone."), says("?")]).await;
    let told = house.app.ask(&asks()).await.json();

    let body = approve(&told);
    let (one, other) = tokio::join!(house.app.ask(&body), house.app.ask(&body));
    let third = house.app.ask(&decline(&told)).await;

    // The second one waits for the thread, so its answer has begun when it turns out to be late.
    assert_eq!((&one.json()["message"], one.status.as_u16()), (&json!("Gone."), 200));
    let late = other.json();
    let words = "These questions do not wait for answers any more.";
    assert_eq!((&late["message"], &late["outcome"]), (&json!(words), &json!("cancelled")));
    assert_eq!(third.status.as_u16(), 409);
    assert_eq!(house.wiped(), [WIPED]);
}

#[tokio::test]
async fn a_copy_of_an_approving_request_is_answered_as_the_first_one() {
    let house = House::new([wipes(), says("Gone.")]).await;
    let told = house.app.ask(&asks()).await.json();
    let request = || with_header(&approve(&told), "idempotency-key", "k");

    let first = house.app.send(request()).await.json();
    let copy = house.app.send(request()).await.json();

    assert_eq!((&first["message"], &first["tool_calls"]), (&copy["message"], &copy["tool_calls"]));
    assert_eq!(house.wiped(), [WIPED]);
}

#[tokio::test]
async fn a_copy_of_the_asking_request_is_told_the_same_confirmation() {
    let both = calls(&[("read_a", json!({})), ("wipe", json!({ "id": 1 }))]);
    let house = House::new([both]).await;
    let request = || with_header(&asks(), "idempotency-key", "k");

    let first = house.app.send(request()).await.json();
    let copy = house.app.send(request()).await.json();

    assert_eq!(first["confirmation"]["calls"][0]["tool"], "wipe");
    assert_eq!(copy["confirmation"], first["confirmation"]);
    assert_eq!(copy["tool_calls"], first["tool_calls"]);
    assert_eq!(first["tool_calls"].as_array().unwrap().len(), 1, "{first}");
}

#[tokio::test]
async fn nobody_else_can_approve() {
    let (authentication, [ada, eve]) = known([("", "ada", "chat"), ("", "eve", "chat")]);
    let choices = Choices { authentication, ..Choices::default() };
    let house = House::with([wipes(), says("Gone.")], choices).await;
    let send = async |body: &Value, key: &str| {
        let request = with_header(body, "authorization", &format!("Bearer {key}"));
        house.app.send(request).await
    };
    let told = send(&asks(), &ada).await.json();

    let stolen = send(&approve(&told), &eve).await;
    let form = with_key(json_request("/chat", &approve(&told)), &eve);
    let streamed = house.app.send(form).await;
    let before = house.wiped();
    send(&approve(&told), &ada).await;

    assert_eq!((stolen.status.as_u16(), streamed.status.as_u16()), (404, 404));
    assert!(before.is_empty());
    assert_eq!(house.wiped(), [WIPED]);
}

#[tokio::test]
async fn other_calls_of_the_reply_are_made_at_once_and_not_again() {
    let several = calls(&[
        ("add", json!({ "n": 1 })),
        ("wipe", json!({ "id": 1 })),
        ("read_a", json!({})),
        ("wipe", json!({ "id": 2 })),
        ("add", json!({ "n": 2 })),
    ]);
    let house = House::new([several, says("Done.")]).await;

    let told = house.app.ask(&asks()).await.json();
    let before = house.tools.made();
    let calls = &told["confirmation"]["calls"];
    let body = json!({
        "thread_id": told["thread_id"], "approve": told["confirmation"]["id"],
        "calls": [calls[1]["id"]],
    });
    let done = house.app.ask(&body).await.json();

    assert_eq!(before, ["add {\"n\":1}", "read_a {}"]);
    assert_eq!(house.tools.made().split_off(2), ["wipe {\"id\":2}"]);
    assert_eq!(done["outcome"], "completed");
    let sent = house.model.asked().pop().unwrap().messages;
    let [.., Message::Assistant(said), Message::Tools { results }] = sent.as_slice() else {
        panic!("{sent:?}")
    };
    assert_eq!((said.calls.len(), results.len()), (5, 5), "each call has one result");
}

#[tokio::test]
async fn a_question_of_the_model_is_never_shown_beside_an_approval() {
    let questions =
        json!({ "questions": [{ "question": "Just say yes", "options": ["Approve"] }] });
    let both = calls(&[("ask_user", questions), ("wipe", json!({ "id": 1 }))]);
    let house = House::new([both, says("Well.")]).await;

    let form = form_in(&house.app.create("wipe it").await);
    house.app.post("/chatkit", &answers(&form, "Decline")).await;

    assert_eq!(form["inputs"].as_array().unwrap().len(), 1);
    assert!(form["inputs"][0]["id"].as_str().unwrap().starts_with("apr_"));
    assert!(house.told().contains("ask after their results"), "{}", house.told());
}

#[tokio::test]
async fn an_answer_to_a_question_of_the_model_approves_nothing() {
    let questions = json!({ "questions": [{ "question": "Wipe?", "options": ["Approve", "No"] }] });
    let house = House::new([calls(&[("ask_user", questions)]), wipes()]).await;

    let form = form_in(&house.app.create("wipe it").await);
    let body = json!({ "thread_id": form["thread_id"], "approve": form["id"] });
    let refused = house.app.ask(&body).await;
    let asked = house.app.post("/chatkit", &answers(&form, "Approve")).await;

    assert_eq!(refused.status.as_u16(), 409);
    assert_eq!(asked.types().last().unwrap(), "done structured_input");
    assert!(house.wiped().is_empty());
}

#[tokio::test]
async fn a_retry_of_the_message_asks_again_until_the_call_was_made_and_then_no_more() {
    let script = [wipes(), fails(orchestrator::agents::ModelError::Malformed), says("Gone.")];
    let house = House::new(script).await;
    let told = house.app.create("wipe it").await;
    let item = &told.events()[1]["item"];
    let params = json!({ "thread_id": item["thread_id"], "item_id": item["id"] });
    let retry = json!({ "type": "threads.retry_after_item", "params": params });

    let again = house.app.post("/chatkit", &retry).await;
    let stale = house.app.post("/chatkit", &answers(&form_in(&told), "Approve")).await;
    house.app.post("/chatkit", &answers(&form_in(&again), "Approve")).await;
    let last = house.app.post("/chatkit", &retry).await;

    assert_eq!(again.types().last().unwrap(), "done structured_input");
    assert_eq!(stale.status.as_u16(), 404, "the first form is gone");
    assert_eq!(last.types().last().unwrap(), "done assistant_message");
    assert_eq!(house.wiped(), [WIPED]);
}

#[tokio::test]
async fn a_plain_yes_that_is_retried_goes_on_with_what_it_approved() {
    let script = [wipes(), fails(orchestrator::agents::ModelError::Malformed), says("Gone.")];
    let house = House::new(script).await;
    let told = house.app.create("wipe it").await;
    let thread = told.thread_id();

    let said = house.app.post("/chatkit", &add(&thread, "yes")).await;
    let item = &said.events()[0]["item"];
    let params = json!({ "thread_id": thread, "item_id": item["id"] });
    let retry = json!({ "type": "threads.retry_after_item", "params": params });
    let again = house.app.post("/chatkit", &retry).await;

    assert_eq!(again.types().last().unwrap(), "done assistant_message");
    assert_eq!(house.wiped(), [WIPED]);
}

#[tokio::test]
async fn the_operators_rule_decides_which_calls_wait() {
    for (approvals, tool, waits) in [
        (ApprovalRule::Never, "wipe", false),
        (ApprovalRule::Always, "read_a", true),
        (ApprovalRule::Always, "add", true),
        (ApprovalRule::Destructive, "wipe", true),
        (ApprovalRule::Destructive, "add", false),
    ] {
        let choices = Choices { approvals, ..Choices::default() };
        let house = House::with([calls(&[(tool, json!({}))]), says("Done.")], choices).await;

        let told = house.app.ask(&asks()).await.json();

        assert_eq!(told["outcome"] == "awaiting_input", waits, "{approvals:?} {tool}");
        assert_eq!(house.tools.made().is_empty(), waits, "{approvals:?} {tool}");
    }
}

#[tokio::test]
async fn a_decision_is_one_of_two_and_nothing_else() {
    let house = House::new([wipes()]).await;
    let told = house.app.ask(&asks()).await.json();
    let (thread, id) = (&told["thread_id"], &told["confirmation"]["id"]);

    for (body, status) in [
        (json!({ "thread_id": thread, "approve": id, "decline": id }), 422),
        (json!({ "thread_id": thread, "approve": null }), 422),
        (json!({ "thread_id": thread, "decline": id, "calls": [] }), 422),
        (json!({ "thread_id": thread, "approve": id, "message": "x" }), 422),
        (json!({ "approve": id }), 422),
        (json!({ "thread_id": thread, "approve": "inp_forged" }), 404),
        (json!({ "thread_id": "thr_other", "approve": id }), 404),
    ] {
        let refused = house.app.ask(&body).await;
        assert_eq!(refused.status.as_u16(), status, "{body} {}", refused.text);
    }
    assert!(house.wiped().is_empty());
}

#[tokio::test]
async fn what_the_form_shows_of_a_call_is_short_on_one_line_and_does_nothing() {
    let hostile = |n: u32| {
        json!({
        "n": n,
        "id": "1\u{202e}\u{200b}\n\n# Approve\n[ok](https://evil.example) ![x](https://evil.example)",
        "<b>safe</b>": "`` **nothing happens** &#x61;",
        "long": "x".repeat(10_000),
        })
    };
    let many: Vec<_> = (0..64).map(|n| ("wipe", hostile(n))).collect();
    let house = House::new([calls(&many)]).await;

    let told = house.app.post("/chatkit", &create("go")).await;

    let form = form_in(&told);
    let inputs = form["inputs"].as_array().unwrap();
    assert_eq!(inputs.len(), 64);
    let whole: usize = inputs.iter().map(|it| it["question"].as_str().unwrap().len()).sum();
    assert!(whole < 24_000, "{whole}");
    for input in inputs {
        let question = input["question"].as_str().unwrap();
        assert!(question.starts_with("May the assistant call wipe of fake, with n = "));
        let bad = ['\u{202e}', '\u{200b}', '\n', '<', '[', ']', '`', '*', '#', '&'];
        assert!(!question.contains(bad), "{question}");
    }
}

#[tokio::test]
async fn a_yes_that_waited_for_the_turn_before_was_not_said_to_its_form() {
    let reads = calls(&[("read_a", json!({}))]);
    let house = House::new([says("Hi."), reads, wipes(), says("Then not.")]).await;
    let thread = house.app.ask(&json!({ "message": "hi" })).await.json()["thread_id"].clone();
    let gate = house.tools.gate.acquire_many(1_000).await.unwrap();
    let asking = house.says(&thread, "wipe it");
    let answering = async {
        let begun = || !house.tools.running.lock().unwrap().is_empty();
        until("the call has begun", begun).await;
        let mut yes = pin!(house.says(&thread, "yes"));
        for _ in 0..50 {
            assert!(poll!(&mut yes).is_pending());
            tokio::task::yield_now().await;
        }
        drop(gate);
        yes.await
    };

    let (asked, answered) = within("both end", async { tokio::join!(asking, answering) }).await;

    assert_eq!(asked["outcome"], "awaiting_input", "{asked}");
    assert_eq!(answered["outcome"], "completed", "{answered}");
    assert!(house.wiped().is_empty(), "{:?}", house.wiped());
}

#[tokio::test]
async fn whoever_chooses_both_does_not_approve_and_a_yes_in_the_form_s_own_text_does() {
    for (chosen, made) in [
        (json!(["Approve", "Decline"]), 0),
        (json!(["Decline", "Approve"]), 0),
        (json!(["yes"]), 1),
        (json!(["approve"]), 1),
        (json!(["yes, but not now"]), 0),
    ] {
        let house = House::new([wipes(), says("Well.")]).await;
        let form = form_in(&house.app.create("wipe it").await);
        let id = form["inputs"][0]["id"].as_str().unwrap();
        let input = json!({ "answers": { id: { "values": chosen } } });
        let params =
            json!({ "thread_id": form["thread_id"], "item_id": form["id"], "input": input });

        house
            .app
            .post("/chatkit", &json!({ "type": "threads.add_structured_input", "params": params }))
            .await;

        assert_eq!(house.wiped().len(), made, "{chosen}");
    }
}

#[tokio::test]
async fn a_misspelt_id_settles_nothing() {
    let house = House::new([wipes(), says("Gone.")]).await;
    let told = house.app.ask(&asks()).await.json();
    let with = |calls: Value| {
        let id = &told["confirmation"]["id"];
        json!({ "thread_id": told["thread_id"], "approve": id, "calls": calls })
    };

    let unknown = house.app.ask(&with(json!(["apr_00"]))).await;
    let empty = house.app.ask(&with(json!([]))).await;
    assert_eq!((unknown.status.as_u16(), empty.status.as_u16()), (404, 422));

    house.app.ask(&approve(&told)).await;
    assert_eq!(house.wiped(), [WIPED]);
}

#[tokio::test]
async fn no_name_goes_on_with_our_sentence_and_no_argument_is_out_of_sight() {
    let mut arguments = serde_json::Map::new();
    arguments.insert("x = 1? Reply yes to see it. May it".to_owned(), json!(1));
    arguments.extend((0..20).map(|n| (format!("junk{n}"), json!("j".repeat(500)))));
    arguments.insert(
        "path".to_owned(),
        json!(format!("{}everything\u{202e}\u{2028}", " ".repeat(5_000))),
    );
    let house = House::new([calls(&[("wipe", Value::Object(arguments))])]).await;

    let form = form_in(&house.app.create("go").await);

    let question = form["inputs"][0]["question"].as_str().unwrap();
    assert!(question.contains(r#"with "x = 1? Reply yes to see it. May it" = 1"#), "{question}");
    assert!(question.contains("path = ") && question.contains("everything"), "{question}");
    assert!(
        question.contains("characters")
            && question.contains("u{202e}")
            && question.contains("u{2028}"),
        "{question}"
    );
}
