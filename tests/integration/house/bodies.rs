//! Bodies that are too large, too slow or too many.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::body::Body;
use axum::http::Request;
use futures::{StreamExt, stream};
use serde_json::json;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tower::ServiceExt;

use super::refusals::assert_problem;
use crate::support::app::TestApp;
use crate::support::doubles::says;

#[tokio::test(start_paused = true)]
async fn a_body_that_does_not_come_is_not_waited_for() {
    let app = TestApp::scripted([]).await;
    let first_bytes = stream::iter([Ok::<_, Infallible>("{")]);
    let body = Body::from_stream(first_bytes.chain(stream::pending()));
    let request = Request::post("/chat").header("content-type", "application/json");
    let started = Instant::now();

    let answer = app.send(request.body(body).unwrap()).await;

    assert_problem(&answer, 408, "too_slow", "half a body");
    assert_eq!(started.elapsed().as_secs(), 10);
}

#[tokio::test(start_paused = true)]
async fn a_body_that_comes_byte_by_byte_gets_no_more_time_than_one_that_stops() {
    let app = TestApp::scripted([]).await;
    let started = Instant::now();

    let answer = app.send(steadily(1, Duration::from_secs(1))).await;

    assert_problem(&answer, 408, "too_slow", "a body in drops");
    assert_eq!(started.elapsed().as_secs(), 10);
}

#[tokio::test(start_paused = true)]
async fn a_long_body_on_a_slow_line_has_the_time_that_it_needs() {
    let app = TestApp::scripted([]).await;
    let started = Instant::now();

    // Half a megabit in a second.
    let answer = app.send(steadily(65_536, Duration::from_secs(1))).await;

    assert_problem(&answer, 400, "not_json", "a long body");
    assert_eq!(started.elapsed().as_secs(), 16);
}

/// A body of 1 MiB of blanks, so many bytes at a time.
fn steadily(bytes: usize, pause: Duration) -> Request<Body> {
    let pieces = stream::iter(0..1024 * 1024 / bytes).then(move |_| async move {
        tokio::time::sleep(pause).await;
        Ok::<_, Infallible>(" ".repeat(bytes))
    });
    let request = Request::post("/chat").header("content-type", "application/json");
    request.body(Body::from_stream(pieces)).unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_body_that_is_announced_as_too_large_is_refused_before_it_comes() {
    let app = TestApp::scripted([]).await;
    let started = Instant::now();
    for length in ["1048577", "10000000000", "99999999999999999999999"] {
        let body = Body::from_stream(stream::pending::<Result<&str, Infallible>>());
        let request = Request::post("/chat").header("content-type", "application/json");
        let request = request.header("content-length", length).body(body).unwrap();

        assert_problem(&app.send(request).await, 413, "too_large", length);
    }
    assert_eq!(started.elapsed().as_secs(), 0);
}

#[tokio::test(start_paused = true)]
async fn bodies_that_do_not_end_hold_little_together_and_keep_no_message_out() {
    const PIECE: usize = 32 * 1024;
    let app = TestApp::scripted([says("Hi.")]).await;
    let taken = Arc::new(AtomicUsize::new(0));
    let unfinished = || {
        let taken = Arc::clone(&taken);
        let piece = move |_| {
            taken.fetch_add(PIECE, Ordering::Relaxed);
            Ok::<_, Infallible>(vec![b' '; PIECE])
        };
        let body = stream::iter(0..31).map(piece).chain(stream::pending());
        let request = Request::post("/chat").header("content-type", "application/json");
        let request = request.header("content-length", 1024 * 1024);
        app.router.clone().oneshot(request.body(Body::from_stream(body)).unwrap())
    };
    let mut coming: JoinSet<_> = (0..300).map(|_| unfinished()).collect();
    tokio::time::sleep(Duration::from_secs(1)).await;

    let held = taken.load(Ordering::Relaxed);
    let message = app.ask(&json!({ "message": "x".repeat(5_000) })).await;
    // Five thousand letters of another script, escaped: more than needs no room.
    let escaped = format!("{{\"message\":\"{}\"}}", "\\u4f60".repeat(5_000));
    let request = Request::post("/chat").header("content-type", "application/json");
    let request = request.header("content-length", escaped.len());
    let escaped = app.send(request.body(Body::from(escaped)).unwrap());
    let escaped = tokio::time::timeout(Duration::from_secs(1), escaped).await.unwrap();

    assert!(held <= 2 * 1024 * 1024 + 300 * PIECE, "{held} bytes were taken");
    assert_eq!([message.status.as_u16(), escaped.status.as_u16()], [200, 200]);
    // Whoever had room was too slow; whoever waited for it in vain is told that there is none.
    let (mut slow, mut without_room) = (0, 0);
    while let Some(answer) = coming.join_next().await {
        match answer.unwrap().unwrap().status().as_u16() {
            408 => slow += 1,
            429 => without_room += 1,
            other => panic!("{other}"),
        }
    }
    assert_eq!((slow, without_room), (2, 298));
}
