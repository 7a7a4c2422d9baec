//! Models that take no images: a turn goes on without them (ADR 48).

use std::time::Duration;

use orchestrator::agents::{ModelError, SeenImage};
use orchestrator::domain::ToolImage;

use tokio::time::Instant;

use super::{Asked, ask_showing, channel, good, refusal};
use crate::support::scripted_http::Answer;

/// Of the results in the request.
fn image() -> SeenImage {
    SeenImage { message: 1, image: ToolImage::read("iVBORw0KGgoA").unwrap() }
}

/// Asks in so many turns with an image; tells which requests had it, and how the last one ended.
async fn seen(asked: &Asked, turns: usize) -> (Vec<bool>, Result<(), ModelError>) {
    let mut last = Ok(());
    for _ in 0..turns {
        last = ask_in(asked, a_turn()).await;
    }
    (shown(asked), last)
}

/// A turn is known by its end.
fn a_turn() -> Instant {
    Instant::now() + Duration::from_mins(1)
}

async fn ask_in(asked: &Asked, turn: Instant) -> Result<(), ModelError> {
    let (deltas, _said) = channel();
    ask_showing(&asked.model, &[image()], &deltas, turn).await.map(drop)
}

/// Which requests had the image.
fn shown(asked: &Asked) -> Vec<bool> {
    let bodies = asked.server.bodies();
    let shown = bodies.iter().map(|body| body.to_string().contains("data:image/png;base64,"));
    shown.collect()
}

fn no_images() -> Answer {
    refusal(400, "INVALID_ARGUMENT", "This model does not support image input.")
}

#[tokio::test]
async fn a_model_that_takes_images_gets_them_each_time() {
    let asked = Asked::answering(vec![good(), good()]).await;

    assert_eq!(seen(&asked, 2).await, (vec![true, true], Ok(())));
}

#[tokio::test]
async fn refusals_because_of_images_in_three_turns_are_remembered_for_an_hour() {
    for (status, word) in [(400, "INVALID_ARGUMENT"), (404, "NOT_FOUND"), (422, "")] {
        let refused = || refusal(status, word, "This model does not support image input.");
        let mut answers = Vec::new();
        for _ in 0..3 {
            answers.extend([refused(), good()]);
        }
        answers.extend([good(), good()]);
        let asked = Asked::answering(answers).await;

        let (mut requests, end) = seen(&asked, 4).await;
        assert_eq!(end, Ok(()), "{status}");
        assert_eq!(requests.split_off(6), [false], "{status}");
        assert_eq!(requests, [true, false].repeat(3), "{status}");
        assert_eq!(asked.health().advice, None, "nothing for the operator to do");

        tokio::time::pause();
        tokio::time::advance(Duration::from_mins(61)).await;
        tokio::time::resume();
        assert_eq!(seen(&asked, 1).await.0.last(), Some(&true), "{status}: asked again");
    }
}

#[tokio::test]
async fn one_turn_blinds_no_other() {
    let asked = Asked::answering(vec![no_images(), good(), good(), good(), good(), good()]).await;
    let turn = a_turn();
    for _ in 0..4 {
        assert_eq!(ask_in(&asked, turn).await, Ok(()));
    }

    let (requests, _) = seen(&asked, 1).await;

    assert_eq!(requests, [true, false, false, false, false, true], "the turn is spared repeats");
}

#[tokio::test]
async fn an_image_that_was_taken_makes_up_for_refusals() {
    let mut answers = Vec::new();
    for _ in 0..2 {
        answers.extend([no_images(), good(), no_images(), good(), good()]);
    }
    let asked = Asked::answering(answers).await;

    let (requests, end) = seen(&asked, 6).await;

    assert_eq!(requests, [true, false, true, false, true].repeat(2));
    assert_eq!(end, Ok(()));
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
