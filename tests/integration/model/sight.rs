//! Models that take no images: a turn goes on without them (ADR 48).

use std::time::Duration;

use orchestrator::agents::{ModelError, SeenImage};
use orchestrator::domain::ToolImage;

use super::{Asked, ask_showing, channel, good, refusal};
use crate::support::scripted_http::Answer;

/// Of the results in the request.
fn image() -> SeenImage {
    SeenImage { message: 1, image: ToolImage::read("iVBORw0KGgoA").unwrap() }
}

/// Asks so often with an image; tells which requests had it, and how the last one ended.
async fn seen(asked: &Asked, times: usize) -> (Vec<bool>, Result<(), ModelError>) {
    let mut last = Ok(());
    for _ in 0..times {
        let (deltas, _said) = channel();
        let reply = ask_showing(&asked.model, &[image()], &deltas, Duration::from_mins(1)).await;
        last = reply.map(drop);
    }
    let bodies = asked.server.bodies();
    let seen = bodies.iter().map(|body| body.to_string().contains("data:image/png;base64,"));
    (seen.collect(), last)
}

#[tokio::test]
async fn a_model_that_takes_images_gets_them_each_time() {
    let asked = Asked::answering(vec![good(), good()]).await;

    assert_eq!(seen(&asked, 2).await, (vec![true, true], Ok(())));
}

#[tokio::test]
async fn a_refusal_because_of_images_is_answered_without_them_and_remembered() {
    for (status, word) in [(400, "INVALID_ARGUMENT"), (404, "NOT_FOUND"), (422, "")] {
        let refused = refusal(status, word, "This model does not support image input.");
        let asked = Asked::answering(vec![refused, good(), good()]).await;

        assert_eq!(seen(&asked, 2).await, (vec![true, false, false], Ok(())), "{status}");
        assert_eq!(asked.health().advice, None, "nothing for the operator to do");
    }
}

#[tokio::test]
async fn a_server_that_fails_at_images_is_asked_without_them_but_trusted_again() {
    let broken = || Answer::whole(501, "text/plain", "no images here");
    let too_large = || refusal(413, "", "too large");
    let asked = Asked::answering(vec![broken(), good(), too_large(), good()]).await;

    assert_eq!(seen(&asked, 2).await, (vec![true, false, true, false], Ok(())));
}

#[tokio::test]
async fn a_refusal_that_has_another_reason_stays_one() {
    let refused = || refusal(400, "INVALID_ARGUMENT", "no");
    let asked = Asked::answering(vec![refused(), refused(), good()]).await;
    let (first, end) = seen(&asked, 1).await;
    assert_eq!((first, end), (vec![true, false], Err(ModelError::Misconfigured)));
    assert_eq!(seen(&asked, 1).await, (vec![true, false, true], Ok(())), "still thought to see");

    let key = Asked::answering(vec![refusal(401, "", "no key")]).await;
    assert_eq!(seen(&key, 1).await, (vec![true], Err(ModelError::Misconfigured)));
}
