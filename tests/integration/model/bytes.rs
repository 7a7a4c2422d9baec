//! The bytes of an answer: how they are cut, what is missing, what does not belong.

use orchestrator::agents::ModelError;
use proptest::prelude::*;
use serde_json::json;

use super::{Asked, good, piece, words};
use crate::support::scripted_http::{Answer, Then, frames};

#[tokio::test]
async fn a_whole_answer_that_breaks_off_or_is_too_large_is_called_so() {
    let head = |length: usize| {
        format!(
            "HTTP/1.1 200 X\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n"
        )
    };
    let cut = Answer::raw(format!("{}{{\"choices\":", head(500)), Then::Close);
    let large = Answer::raw(head(2_000_000) + &" ".repeat(2_000_000), Then::Close);
    let too_large = ModelError::Failed("the reply is too large".to_owned());

    for (answer, error) in [(cut, ModelError::Truncated), (large, too_large)] {
        let asked = Asked::answering(vec![answer]).await;
        assert_eq!(asked.reply().await.1, Err(error));
    }
}

#[tokio::test]
async fn an_answer_is_streamed_and_asked_for_once_on_one_connection() {
    let asked = Asked::answering(vec![good()]).await;

    for _ in 0..3 {
        let (said, reply) = asked.reply().await;
        assert_eq!((words(&said), said.len()), ("Hello.".to_owned(), 2));
        assert_eq!(reply.unwrap().message.text, "Hello.");
    }

    assert_eq!((asked.requests(), asked.server.connections()), (3, 1));
    let sent = asked.server.bodies().remove(0);
    assert_eq!(sent["stream"], true);
    assert_eq!(sent["extra_body"]["google"]["thinking_config"]["include_thoughts"], true);
}

#[test]
fn any_cuts_through_a_stream_give_the_same_reply() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let text = "Grüße, 世界! 🦀 <b>\\n";
    let body = [
        "\u{feff}: hello\r\n\r\n",
        &frames(&[piece(text, None), piece("", None), piece(text, Some("stop"))])
            .replace('\n', "\r\n"),
        "data: [DONE]\n\n",
    ];
    let body = body.concat();
    let cuts = prop::collection::btree_set(0..body.len(), 0..40);

    proptest!(ProptestConfig::with_cases(64), |(cuts in cuts)| {
        let ends: Vec<_> = cuts.iter().copied().chain([body.len()]).collect();
        let begins = [0].into_iter().chain(ends.iter().copied());
        let pieces: Vec<_> = begins.zip(&ends).map(|(from, to)| &body.as_bytes()[from..*to]).collect();
        let (said, reply) = runtime.block_on(async {
            Asked::answering(vec![Answer::stream(&pieces)]).await.reply().await
        });
        prop_assert_eq!(reply.map(|reply| reply.message.text), Ok(words(&said)));
        prop_assert_eq!(words(&said), text.repeat(2));
    });
}

#[tokio::test]
async fn each_byte_on_its_own_is_enough() {
    let body = format!("{}data: [DONE]\n\n", frames(&[piece("Grüße 🦀", Some("stop"))]));
    let bytes: Vec<_> = body.as_bytes().chunks(1).collect();

    let (_, reply) = Asked::answering(vec![Answer::stream(&bytes)]).await.reply().await;

    assert_eq!(reply.unwrap().message.text, "Grüße 🦀");
}

#[tokio::test]
async fn a_last_event_without_its_blank_line_still_counts() {
    let event = frames(&[piece("Hi", Some("stop"))]);
    let done = format!("{}data: [DONE]", frames(&[piece("Hi", None)]));

    for body in [event.trim_end(), &*done] {
        let (_, reply) =
            Asked::answering(vec![Answer::stream(&[body.as_bytes()])]).await.reply().await;
        assert_eq!(reply.unwrap().message.text, "Hi", "{body}");
    }
}

#[tokio::test]
async fn a_server_that_does_not_end_after_done_is_not_waited_for() {
    let body = format!("{}data: [DONE]\n\n", frames(&[piece("Hi", None)]));
    let asked = Asked::answering(vec![Answer::pieces(&[body.as_bytes()], Then::Hang)]).await;

    let (_, reply) = asked.reply().await;

    assert_eq!(reply.unwrap().message.text, "Hi");
    asked.server.client_left().await;
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_never_whole() {
    let half = frames(&[piece("Half an", None)]);
    let torn = format!("{half}data: {{\"choices\"");
    let garbled =
        format!("{half}data: {{]\n\n{}data: [DONE]\n\n", frames(&[piece(" ans", Some("stop"))]));
    let table = [
        Answer::stream(&[half.as_bytes()]),
        Answer::pieces(&[half.as_bytes()], Then::Close),
        Answer::stream(&[torn.as_bytes()]),
        Answer::stream(&[garbled.as_bytes()]),
    ];

    for answer in table {
        let asked = Asked::answering(vec![answer]).await;
        let (said, reply) = asked.reply().await;
        assert_eq!(
            (words(&said), reply.unwrap_err()),
            ("Half an".to_owned(), ModelError::Truncated)
        );
        assert_eq!(asked.requests(), 1);
    }
}

#[tokio::test]
async fn an_answer_that_breaks_off_behind_its_finish_is_whole() {
    let body = frames(&[piece("Hi", Some("stop"))]);

    let asked = Asked::answering(vec![Answer::pieces(&[body.as_bytes()], Then::Close)]).await;

    assert_eq!(asked.reply().await.1.unwrap().message.text, "Hi");
}

#[tokio::test]
async fn an_error_written_bare_behind_the_events_is_seen() {
    let error = json!([{"error": {"code": 503, "message": "m", "status": "UNAVAILABLE"}}]);
    let body = format!("{}{error:#}\n", frames(&[piece("Half", None)]));

    let (_, reply) = Asked::answering(vec![Answer::stream(&[body.as_bytes()])]).await.reply().await;

    assert!(matches!(reply, Err(ModelError::Unavailable { .. })), "{reply:?}");
}

#[tokio::test]
async fn json_instead_of_a_stream_is_read_and_html_is_not() {
    let completion = json!({"choices": [{"finish_reason": "stop", "index": 0,
        "message": {"content": "Whole.", "role": "assistant"}}]});
    let json = Answer::whole(200, "application/json", &completion.to_string());
    let html = Answer::whole(200, "text/html", "<html>Sign in");

    let (said, reply) = Asked::answering(vec![json]).await.reply().await;
    assert_eq!(
        (words(&said), reply.unwrap().message.text),
        ("Whole.".to_owned(), "Whole.".to_owned())
    );
    let (_, reply) = Asked::answering(vec![html]).await.reply().await;
    assert!(matches!(reply, Err(ModelError::Failed(_))), "{reply:?}");
}

#[tokio::test]
async fn a_flood_is_cut() {
    let event = frames(&[json!({"choices": [{"delta": {"reasoning": "x".repeat(100_000)}}]})]);
    let pieces = vec![event.as_bytes(); 200];

    let asked = Asked::answering(vec![Answer::pieces(&pieces, Then::Hang)]).await;
    let (said, reply) = asked.reply().await;

    assert!(matches!(reply, Err(ModelError::Failed(_))), "{reply:?}");
    assert!(said.len() <= 168);
}

#[tokio::test]
async fn a_line_without_an_end_is_cut() {
    let line = "x".repeat(3 * 1024 * 1024);

    let (_, reply) =
        Asked::answering(vec![Answer::pieces(&[line.as_bytes()], Then::Hang)]).await.reply().await;

    assert!(matches!(reply, Err(ModelError::Failed(_))), "{reply:?}");
}

#[tokio::test]
async fn marks_bare_carriage_returns_and_what_comes_behind_the_end_change_nothing() {
    let answer = frames(&[piece("Hi", None)]);
    let marked = format!("\u{feff}{answer}data: [DONE]\n\n");
    let returned = format!("{answer}\rdata: [DONE]\r\r").replace('\n', "\r");
    let overlong = format!("{answer}data: [DONE]\ndata: more\n\n");

    for body in [marked, returned, overlong] {
        let (_, reply) =
            Asked::answering(vec![Answer::stream(&[body.as_bytes()])]).await.reply().await;
        assert_eq!(reply.unwrap().message.text, "Hi", "{body}");
    }
}
