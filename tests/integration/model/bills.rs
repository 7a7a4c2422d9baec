//! What asking a model costs, whatever comes of it.

use std::time::Duration;

use orchestrator::domain::{Cost, Spend, Usage};
use serde_json::{Value, json};

use super::{Asked, ask, channel, piece, refusal, settings};
use crate::support::scripted_http::{Answer, ScriptedHttp, Then, frames};

pub(super) const WHILE: Duration = Duration::from_mins(1);

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
    assert_eq!(deltas.spent().total(), Spend { usage, cost, unpriced_calls: 0 });
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
        spent.push(deltas.spent().total());
    }

    let told = spent.iter().map(|it| (it.usage.total(), it.whole_cost())).collect::<Vec<_>>();
    assert_eq!(told, [(9, None), (0, None), (9, Some(Cost::default()))]);
}

#[tokio::test]
async fn what_an_answer_cost_that_could_not_be_read_is_unknown() {
    let head =
        "HTTP/1.1 200 X\r\ncontent-type: application/json\r\ncontent-length: 2000000\r\n\r\n";
    let far_too_long = "x".repeat(1_100_000);
    let answers = [
        ("a first piece with too much text", Answer::events(&[piece(&far_too_long, None)])),
        ("an event that is no JSON", Answer::stream(&[b"data: {\"choices\":[\n\n"])),
        (
            "an event that is too long",
            Answer::stream(&[b"data: ", "x".repeat(3_000_000).as_bytes()]),
        ),
        ("a stream without an event", Answer::stream(&[b": hello\n\n"])),
        ("a whole answer that breaks off", Answer::raw(format!("{head}{{"), Then::Close)),
        (
            "a whole answer that is too large",
            Answer::raw(format!("{head}{}", " ".repeat(2_000_000)), Then::Close),
        ),
    ];
    for (what, answer) in answers {
        let asked = Asked::answering(vec![answer]).await;
        let (deltas, _said) = channel();

        assert!(ask(&asked.model, &deltas, WHILE).await.is_err(), "{what}");

        let spent = deltas.spent().total();
        let attempts = u64::try_from(asked.requests()).unwrap();
        assert_eq!((spent.whole_cost(), spent.unpriced_calls), (None, attempts), "{what}");
    }
}

#[tokio::test]
async fn what_is_no_answer_of_a_model_costs_nothing() {
    let error = json!({ "error": { "code": 400, "message": "no", "status": "INVALID_ARGUMENT" } });
    let bare = error.to_string();
    let answers = [
        ("a refusal as the first event", Answer::events(std::slice::from_ref(&error))),
        ("a refusal without an event", Answer::stream(&[bare.as_bytes()])),
        ("a refusal as a whole answer", Answer::whole(200, "application/json", &bare)),
        ("a page", Answer::whole(200, "text/html", "<html>Sign in</html>")),
    ];
    for (what, answer) in answers {
        let asked = Asked::answering(vec![answer]).await;
        let (deltas, _said) = channel();

        assert!(ask(&asked.model, &deltas, WHILE).await.is_err(), "{what}");

        assert_eq!(deltas.spent().total(), Spend::default(), "{what}");
    }
}

#[tokio::test]
async fn a_refusal_that_says_what_it_cost_is_paid() {
    let error = json!({ "error": { "code": 400, "message": "no", "status": "INVALID_ARGUMENT" } });
    let asked = Asked::answering(vec![Answer::events(&[counted(error, 70, 5)])]).await;
    let (deltas, _said) = channel();

    assert!(ask(&asked.model, &deltas, WHILE).await.is_err());

    assert_eq!(deltas.spent().total().usage.total(), 75);
}

#[tokio::test]
async fn an_answer_that_nobody_waits_for_is_paid_as_far_as_it_came() {
    let piece = counted(piece("Hi", None), 50, 1);
    let event = frames(&[piece]);
    let hanging = Answer::pieces(&[event.as_bytes()], Then::Hang);
    let server = ScriptedHttp::start(vec![hanging]).await;
    let model = model::OpenAiModel::new(settings(&server.base_url)).unwrap();
    let (deltas, mut said) = channel();

    {
        let asking = ask(&model, &deltas, WHILE);
        tokio::pin!(asking);
        tokio::select! {
            _ = &mut asking => panic!("the answer has no end"),
            heard = said.recv() => assert!(heard.is_some()),
        }
    }

    assert_eq!(deltas.spent().total().usage.total(), 51);
}

/// The piece with counters, as Gemini has them on each.
pub(super) fn counted(mut piece: Value, prompt: u64, completion: u64) -> Value {
    piece["usage"] = json!({
        "prompt_tokens": prompt, "completion_tokens": completion,
        "total_tokens": prompt + completion,
    });
    piece
}
