//! What is estimated of a request whose provider does not tell what it cost (ADR 30).

use std::time::Duration;

use orchestrator::agents::Deltas;
use orchestrator::domain::{Cost, Estimate, ModelSpend, SpendByModel};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::select;

use super::bills::{WHILE, counted};
use super::{Asked, ask, channel, piece, refusal};
use crate::support::scripted_http::{Answer, ScriptedHttp, Then, frames};

const ENDLESS: &str =
    "HTTP/1.1 200 X\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n";

/// The only entry of what was spent.
fn of_one_model(deltas: &Deltas) -> ModelSpend {
    let spent = deltas.spent();
    let [one] = spent.models() else { panic!("one model was asked: {spent:?}") };
    one.clone()
}

/// The tokens of what the server was sent.
fn prompt(server: &ScriptedHttp) -> u64 {
    let sent = server.bodies().iter().map(|body| body.to_string().len().div_ceil(4)).sum::<usize>();
    u64::try_from(sent).unwrap()
}

/// At the price of gemini-2.5-flash.
fn estimate(prompt: u64, answer: u64) -> Estimate {
    Estimate { tokens: prompt + answer, cost: Cost::from_nanos(prompt * 300 + answer * 2_500) }
}

fn broken(events: &[Value]) -> Answer {
    Answer::raw(format!("{ENDLESS}{}", frames(events)), Then::Close)
}

/// Asks, hears so many pieces, and leaves.
async fn leave_after(asked: &Asked, pieces: usize) -> ModelSpend {
    let (deltas, mut said) = channel();
    {
        let asking = ask(&asked.model, &deltas, WHILE);
        tokio::pin!(asking);
        for _ in 0..pieces {
            select! {
                _ = &mut asking => panic!("the answer has no end"),
                heard = said.recv() => assert!(heard.is_some()),
            }
        }
        if pieces == 0 {
            select! {
                _ = &mut asking => panic!("the answer has no end"),
                () = asked.server.asked() => {}
            }
        }
    }
    of_one_model(&deltas)
}

#[tokio::test]
async fn it_is_what_was_sent_and_all_that_had_come_of_thoughts_text_and_calls() {
    let thought = json!({"choices": [{"index": 0, "delta": {"reasoning_content": "12345"}}]});
    let call = json!({ "id": "c", "function": { "name": "add", "arguments": "{\"a\":" } });
    let call = json!({"choices": [{"index": 0, "delta": {"tool_calls": [call]}}]});
    let pieces = [thought, piece("1234", None), call];
    let asked = Asked::answering(vec![broken(&pieces)]).await;
    let (deltas, _said) = channel();

    assert!(ask(&asked.model, &deltas, WHILE).await.is_err());

    // Five bytes, four, three of a name and five of arguments.
    assert_eq!(of_one_model(&deltas).estimate, estimate(prompt(&asked.server), 5));
    assert_eq!(of_one_model(&deltas).spend.whole_cost(), None, "it is no part of what is known");
    assert_eq!(of_one_model(&deltas).spend.usage.total(), 0);
}

#[tokio::test]
async fn whoever_leaves_is_charged_for_what_had_come() {
    let words = format!("{ENDLESS}{}", frames(&[piece("12345678", None)]));
    let asked = Asked::answering(vec![Answer::raw(words, Then::Hang)]).await;

    let spent = leave_after(&asked, 1).await;

    assert_eq!((spent.requests, spent.estimate), (1, estimate(prompt(&asked.server), 2)));
}

#[tokio::test]
async fn whoever_leaves_before_an_answer_begins_is_charged_for_what_was_sent() {
    let asked = Asked::answering(vec![Answer::raw("", Then::Hang)]).await;

    let spent = leave_after(&asked, 0).await;

    assert_eq!((spent.requests, spent.spend.unpriced_calls), (1, 1));
    assert_eq!(spent.estimate, estimate(prompt(&asked.server), 0));
}

#[tokio::test]
async fn counters_are_believed_and_only_what_came_after_the_last_of_them_is_added() {
    let pieces = [counted(piece("Hi", None), 50, 1), piece("1234", None), piece("5678", None)];
    let after = Asked::answering(vec![broken(&pieces)]).await;
    let pieces = [piece("Hi", None), counted(piece("1234", None), 50, 3)];
    let with = Asked::answering(vec![broken(&pieces)]).await;

    for (asked, total, expected) in [(&after, 51, estimate(0, 2)), (&with, 53, estimate(0, 0))] {
        let (deltas, _said) = channel();
        assert!(ask(&asked.model, &deltas, WHILE).await.is_err());

        let spent = of_one_model(&deltas);
        assert_eq!((spent.spend.usage.total(), spent.estimate), (total, expected));
        // Counters for a part of an answer say nothing of what all of it costs.
        assert_eq!(spent.spend.whole_cost().is_some(), expected == Estimate::default());
    }
}

#[tokio::test]
async fn counters_of_zero_count_nothing() {
    let pieces = [counted(piece("1234", None), 0, 0), counted(piece("5678", None), 0, 0)];
    let asked = Asked::answering(vec![broken(&pieces)]).await;
    let (deltas, _said) = channel();

    assert!(ask(&asked.model, &deltas, WHILE).await.is_err());

    let spent = of_one_model(&deltas);
    assert!(spent.estimate.tokens > prompt(&asked.server), "{spent:?}");
    assert_eq!(spent.spend.whole_cost(), None);
}

#[tokio::test]
async fn an_answer_that_was_counted_to_its_end_is_not_estimated() {
    let pieces = [piece("Hi", None), counted(piece("!", Some("stop")), 50, 2)];
    let asked = Asked::answering(vec![Answer::events(&pieces)]).await;
    let (deltas, _said) = channel();

    ask(&asked.model, &deltas, WHILE).await.unwrap();

    assert_eq!(of_one_model(&deltas).estimate, Estimate::default());
}

#[tokio::test]
async fn each_attempt_that_broke_off_counts() {
    let silent = || Answer::raw(ENDLESS, Then::Close);
    let asked = Asked::answering(vec![silent(), silent(), silent()]).await;
    let (deltas, _said) = channel();

    assert!(ask(&asked.model, &deltas, WHILE).await.is_err());

    let spent = of_one_model(&deltas);
    assert_eq!(spent.requests, u64::try_from(asked.requests()).unwrap());
    assert_eq!(spent.estimate.tokens, prompt(&asked.server));
}

#[tokio::test]
async fn a_model_without_a_price_costs_tokens_and_a_free_one_no_money() {
    for is_free in [false, true] {
        let answer = broken(&[piece("1234", None)]);
        let asked = Asked::with(vec![answer], |settings| {
            (settings.offline, settings.model) = (is_free, "qwen3".to_owned());
        });
        let (asked, (deltas, _said)) = (asked.await, channel());

        assert!(ask(&asked.model, &deltas, WHILE).await.is_err());

        let spent = of_one_model(&deltas);
        let expected = Estimate { tokens: prompt(&asked.server) + 1, cost: Cost::default() };
        assert_eq!((spent.estimate, spent.spend.unpriced_calls), (expected, u64::from(!is_free)));
    }
}

#[tokio::test]
async fn a_provider_that_shakes_no_hands_was_sent_nothing() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base_url = format!("https://{}/v1", listener.local_addr().unwrap());
    let asked = Asked::with(vec![], |settings| {
        (settings.base_url, settings.guard.retries) = (base_url, 0);
        settings.first_event_timeout = Duration::from_millis(100);
    });
    let (asked, (deltas, _said)) = (asked.await, channel());

    assert!(ask(&asked.model, &deltas, WHILE).await.is_err());

    assert_eq!(deltas.spent(), SpendByModel::default());
}

#[tokio::test]
async fn whoever_refuses_or_is_not_reached_is_owed_nothing() {
    let lost = || Answer::raw("", Then::Close);
    let busy = || refusal(503, "UNAVAILABLE", "The model is overloaded.");
    let asked = [
        Asked::answering(vec![lost(), lost(), lost()]).await,
        Asked::answering(vec![busy(), busy(), busy()]).await,
        Asked::with(vec![], |settings| settings.base_url = "http://127.0.0.1:9/v1".to_owned())
            .await,
    ];
    for asked in asked {
        let (deltas, _said) = channel();

        assert!(ask(&asked.model, &deltas, WHILE).await.is_err());

        assert_eq!(deltas.spent(), SpendByModel::default());
    }
}
