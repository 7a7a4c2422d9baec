//! The breaker, and the faults of failsafe that it must not inherit.

use std::time::Duration;

use orchestrator::domain::BreakerState;
use orchestrator::resilience::{Breaker, BreakerSettings};
use tokio::time::advance;

const COOL_DOWN: Duration = Duration::from_secs(30);

#[tokio::test(start_paused = true)]
async fn opens_at_the_last_allowed_failure_and_tells_the_time_to_the_probe() {
    let breaker = breaker(3);
    fail(&breaker, 2);
    assert_eq!(breaker.report().state, BreakerState::Closed);

    fail(&breaker, 1);
    advance(Duration::from_secs(10)).await;

    assert_eq!(breaker.report().state, BreakerState::Open);
    assert_eq!(breaker.admit().unwrap_err(), Duration::from_secs(20));
    assert_eq!(breaker.report().retry_in_seconds, Some(20.0));
    assert_eq!(breaker.report().calls.rejected, 1);
}

#[tokio::test(start_paused = true)]
async fn a_success_forgets_earlier_failures() {
    let breaker = breaker(2);
    fail(&breaker, 1);
    breaker.admit().unwrap().succeed();

    fail(&breaker, 1);

    assert_eq!(breaker.report().state, BreakerState::Closed);
}

#[tokio::test(start_paused = true)]
async fn only_one_probe_is_let_through_and_its_success_closes() {
    let breaker = breaker(1);
    fail(&breaker, 1);
    advance(COOL_DOWN).await;
    assert_eq!(breaker.report().state, BreakerState::HalfOpen);

    let probe = breaker.admit().unwrap();
    let others = (0..1_000).filter(|_| breaker.admit().is_ok()).count();
    probe.succeed();

    assert_eq!(others, 0);
    assert_eq!(breaker.report().state, BreakerState::Closed);
}

#[tokio::test(start_paused = true)]
async fn a_failed_probe_opens_for_the_whole_time_again() {
    let breaker = breaker(1);
    fail(&breaker, 1);
    advance(COOL_DOWN).await;

    fail(&breaker, 1);

    assert_eq!(breaker.admit().unwrap_err(), COOL_DOWN);
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_probe_frees_its_place() {
    let breaker = breaker(1);
    fail(&breaker, 1);
    advance(COOL_DOWN).await;

    drop(breaker.admit().unwrap());

    breaker.admit().unwrap().succeed();
    assert_eq!(breaker.report().state, BreakerState::Closed);
}

#[tokio::test(start_paused = true)]
async fn results_of_calls_begun_before_the_trip_are_stale() {
    let breaker = breaker(1);
    let (slow_success, slow_failure) = (breaker.admit().unwrap(), breaker.admit().unwrap());
    fail(&breaker, 1);
    advance(COOL_DOWN).await;

    slow_success.succeed();
    assert_eq!(breaker.report().state, BreakerState::HalfOpen);
    breaker.admit().unwrap().succeed();
    slow_failure.fail();

    assert_eq!(breaker.report().state, BreakerState::Closed);
}

#[tokio::test(start_paused = true)]
async fn a_probe_that_is_answered_closes_and_may_still_fail() {
    let breaker = breaker(1);
    fail(&breaker, 1);
    advance(COOL_DOWN).await;

    let mut probe = breaker.admit().unwrap();
    probe.answered();
    assert_eq!(breaker.report().state, BreakerState::Closed);
    probe.fail();

    assert_eq!(breaker.report().state, BreakerState::Open);
    assert_eq!(breaker.report().calls.failed, 2);
}

#[tokio::test(start_paused = true)]
async fn streams_that_break_after_they_began_add_up() {
    let breaker = breaker(2);

    for _ in 0..2 {
        let mut permit = breaker.admit().unwrap();
        permit.answered();
        permit.fail();
    }

    assert_eq!(breaker.report().state, BreakerState::Open);
}

fn breaker(max_failures: u32) -> Breaker {
    Breaker::new("test", BreakerSettings { max_failures, cool_down: COOL_DOWN })
}

fn fail(breaker: &Breaker, times: u32) {
    for _ in 0..times {
        breaker.admit().unwrap().fail();
    }
}
