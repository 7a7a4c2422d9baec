//! Connections to a provider: when they are used again, and when they are let go.

use std::pin::pin;
use std::time::Duration;

use futures::future::{join_all, poll_fn};

use super::{Asked, good, piece};
use crate::support::scripted_http::{Answer, Then, frames};

#[tokio::test]
async fn a_connection_that_the_provider_closed_meanwhile_is_not_used_again() {
    let asked = Asked::answering(vec![good().then(Then::Close), good()]).await;
    asked.reply().await.1.unwrap();
    // What happened on the network meanwhile is known once there was an answer from elsewhere.
    Asked::answering(vec![good()]).await.reply().await.1.unwrap();

    asked.reply().await.1.unwrap();

    assert_eq!((asked.requests(), asked.server.connections()), (2, 2));
    assert_eq!(asked.health().calls.failed, 0);
}

#[tokio::test]
async fn what_a_crowd_opened_the_next_one_uses() {
    let asked = Asked::answering(vec![good()]).await;
    let crowd = async || {
        let replies = join_all((0..5).map(|_| asked.reply())).await;
        assert!(replies.into_iter().all(|(_, reply)| reply.is_ok()));
        asked.server.connections()
    };

    let first = crowd().await;
    let next = crowd().await;

    assert_eq!((first, next, asked.requests()), (5, 5, 10));
}

#[tokio::test]
async fn an_answer_of_any_kind_leaves_its_connection_to_the_next() {
    let refused = super::refusal(400, "INVALID_ARGUMENT", "No.");
    let asked = Asked::answering(vec![refused, good()]).await;

    assert!(asked.reply().await.1.is_err());
    asked.reply().await.1.unwrap();

    assert_eq!((asked.requests(), asked.server.connections()), (2, 1));
}

#[tokio::test]
async fn a_connection_is_used_again_if_what_came_on_it_allows_it() {
    let events = frames(&[piece("Hello.", Some("stop"))]) + "data: [DONE]\n\n";
    let chunks = format!("{:x}\r\n{events}\r\n0\r\n", events.len());
    let kind = "content-type: text/event-stream\r\n";
    let whole = format!("HTTP/1.1 200 X\r\n{kind}transfer-encoding: chunked\r\n\r\n{chunks}");
    let closing = whole.replace("\r\ncontent", "\r\nconnection: close\r\ncontent");
    let cases = [
        ("chunks", format!("{whole}\r\n"), Then::KeepOpen, 1),
        ("a hint before", format!("HTTP/1.1 103 X\r\n\r\n{whole}\r\n"), Then::KeepOpen, 1),
        ("a trailer", format!("{whole}x-cost: 1\r\n\r\n"), Then::KeepOpen, 1),
        ("bytes behind", format!("{whole}\r\nmore"), Then::KeepOpen, 2),
        ("said to close", format!("{closing}\r\n"), Then::KeepOpen, 2),
        ("an old version", format!("HTTP/1.0 200 X\r\n{kind}\r\n{events}"), Then::Close, 2),
        ("no length", format!("HTTP/1.1 200 X\r\n{kind}\r\n{events}"), Then::Close, 2),
    ];

    for (name, bytes, then, connections) in cases {
        let asked = Asked::answering(vec![Answer::raw(bytes, then)]).await;
        for _ in 0..2 {
            assert_eq!(asked.reply().await.1.unwrap().message.text, "Hello.", "{name}");
        }
        assert_eq!((asked.requests(), asked.server.connections()), (2, connections), "{name}");
        assert_eq!(asked.health().calls.failed, 0, "{name}");
    }
}

#[tokio::test]
async fn a_repeat_after_a_connection_was_lost_has_a_new_one() {
    let gone = Answer::raw("", Then::Close);
    let asked = Asked::answering(vec![good(), good(), gone, good()]).await;
    for (_, reply) in join_all([asked.reply(), asked.reply()]).await {
        reply.unwrap();
    }

    asked.reply().await.1.unwrap();

    assert_eq!((asked.requests(), asked.server.connections()), (4, 3));
}

#[tokio::test]
async fn pieces_without_an_event_hold_nobody_up() {
    const PIECES: usize = 50_000;
    let endless = "1\r\n:\r\n".repeat(PIECES);
    let head =
        "HTTP/1.1 200 X\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n";
    let asked = Asked::answering(vec![Answer::raw(format!("{head}\r\n{endless}"), Then::Close)]);
    let asked = asked.await;
    let mut reply = pin!(asked.reply());
    let mut polls = 0;

    let (_, reply) = poll_fn(|context| {
        polls += 1;
        reply.as_mut().poll(context)
    })
    .await;

    assert!(reply.is_err());
    assert!(polls > PIECES / 200, "it gave way {polls} times");
}

#[tokio::test]
async fn a_connection_that_nobody_needs_is_let_go_after_two_minutes() {
    let asked = Asked::answering(vec![good()]).await;
    asked.reply().await.1.unwrap();

    pass(Duration::from_secs(80)).await;
    asked.reply().await.1.unwrap();
    assert_eq!(asked.server.connections(), 1, "after 80 s it is there");

    pass(Duration::from_mins(2)).await;
    asked.server.let_go().await;
    asked.reply().await.1.unwrap();
    assert_eq!(asked.server.connections(), 2);
}

/// The clock goes on by so much, at once.
async fn pass(time: Duration) {
    tokio::time::pause();
    tokio::time::sleep(time).await;
    tokio::time::resume();
}
