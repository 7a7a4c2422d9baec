//! What asking a model costs, whatever comes of it.

use std::time::Duration;

use orchestrator::domain::{Cost, Spend, Usage};
use serde_json::{Value, json};

use super::{Asked, ask, channel, piece, refusal, settings};
use crate::support::scripted_http::{Answer, ScriptedHttp, Then, frames};

const WHILE: Duration = Duration::from_mins(1);

#[tokio::test]
async fn every_attempt_that_was_billed_is_paid_and_no_other() {
    let empty = counted(piece("", Some("stop")), 100, 0);
    let answers = vec![
        refusal(503, "UNAVAILABLE", "The model is overloaded."),
        Answer::events(&[empty]),
        Answer::events(&[
            counted(piece("Hi", None), 100, 1),
            counted(piece("!", Some("stop")), 100, 4),
        ]),
    ];
    let asked = Asked::answering(answers).await;
    let (deltas, _said) = channel();

    let reply = ask(&asked.model, &deltas, WHILE).await;

    assert!(reply.is_ok());
    let usage = Usage { input_tokens: 200, output_tokens: 4, ..Usage::default() };
    let cost = Cost::from_nanos(200 * 300 + 4 * 2_500);
    assert_eq!(deltas.spent(), Spend { usage, cost, unpriced_calls: 0 });
}

#[tokio::test]
async fn the_cost_of_an_unknown_model_or_of_an_answer_without_counters_is_unknown() {
    let whole = || Answer::events(&[counted(piece("Hi", Some("stop")), 7, 2)]);
    let silent = Answer::events(&[piece("Hi", Some("stop"))]);
    let unknown = Asked::with(vec![whole()], |it| it.model = "qwen3".to_owned()).await;
    let uncounted = Asked::answering(vec![silent]).await;
    let offline = Asked::with(vec![whole()], |it| it.offline = true).await;

    let mut spent = Vec::new();
    for asked in [&unknown, &uncounted, &offline] {
        let (deltas, _said) = channel();
        ask(&asked.model, &deltas, WHILE).await.unwrap();
        spent.push(deltas.spent());
    }

    let told = spent.iter().map(|it| (it.usage.total(), it.whole_cost())).collect::<Vec<_>>();
    assert_eq!(told, [(9, None), (0, None), (9, Some(Cost::default()))]);
}

#[tokio::test]
async fn an_answer_that_nobody_waits_for_is_paid_as_far_as_it_came() {
    let piece = counted(piece("Hi", None), 50, 1);
    let event = frames(&[piece]);
    let hanging = Answer::pieces(&[event.as_bytes()], Then::Hang);
    let server = ScriptedHttp::start(vec![hanging]).await;
    let model = orchestrator::model::OpenAiModel::new(settings(&server.base_url)).unwrap();
    let (deltas, mut said) = channel();

    {
        let asking = ask(&model, &deltas, WHILE);
        tokio::pin!(asking);
        tokio::select! {
            _ = &mut asking => panic!("the answer has no end"),
            heard = said.recv() => assert!(heard.is_some()),
        }
    }

    assert_eq!(deltas.spent().usage.total(), 51);
}

/// The piece with counters, as Gemini has them on each.
fn counted(mut piece: Value, prompt: u64, completion: u64) -> Value {
    piece["usage"] = json!({
        "prompt_tokens": prompt, "completion_tokens": completion,
        "total_tokens": prompt + completion,
    });
    piece
}
