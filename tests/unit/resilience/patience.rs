//! A deadline that signs of life extend.

use std::time::Duration;

use orchestrator::resilience::Patience;
use tokio::time::{Instant, advance};

const FIRST: Duration = Duration::from_secs(10);
const SILENCE: Duration = Duration::from_secs(2);

fn patience() -> Patience {
    Patience::new(Instant::now() + FIRST, SILENCE)
}

/// How long it still lasts.
async fn rest(patience: &mut Patience) -> Duration {
    let begun = Instant::now();
    patience.await;
    begun.elapsed()
}

#[tokio::test(start_paused = true)]
async fn the_first_sign_of_life_has_until_the_deadline() {
    assert_eq!(rest(&mut patience()).await, FIRST);
}

#[tokio::test(start_paused = true)]
async fn after_a_sign_of_life_only_the_limit_on_silence_counts() {
    let mut patience = patience();
    advance(Duration::from_secs(3)).await;

    patience.renew();
    assert_eq!(rest(&mut patience).await, SILENCE);
    for _ in 0..20 {
        patience.renew();
        advance(Duration::from_millis(1_999)).await;
    }
    patience.renew();
    assert_eq!(rest(&mut patience).await, SILENCE, "it never ended in between");
}

#[tokio::test(start_paused = true)]
async fn a_sign_that_work_continues_grants_the_last_span_again() {
    let mut patience = patience();
    advance(Duration::from_secs(7)).await;

    patience.prolong();
    assert_eq!(rest(&mut patience).await, FIRST);
    patience.renew();
    advance(Duration::from_secs(1)).await;
    patience.prolong();
    assert_eq!(rest(&mut patience).await, SILENCE);
}

#[tokio::test(start_paused = true)]
async fn towards_the_end_a_silence_may_only_become_shorter() {
    let mut patience = patience();
    patience.expect_end(SILENCE * 2);
    patience.renew();
    assert_eq!(rest(&mut patience).await, SILENCE);

    patience.expect_end(SILENCE / 2);
    patience.renew();

    assert_eq!(rest(&mut patience).await, SILENCE / 2);
}
