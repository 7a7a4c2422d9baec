//! Attempts at one call, judged together.

use std::time::Duration;

use orchestrator::domain::{BreakerState, CallCounts};
use orchestrator::resilience::{GuardRefusal, Verdict};
use tokio::time::advance;

use super::guard;

const PAUSE: Duration = Duration::from_secs(4);

#[tokio::test(start_paused = true)]
async fn a_call_that_was_sent_once_was_not_turned_away() {
    let guard = guard(2, 1);
    let attempts = guard.attempts();
    attempts.settle(attempts.admit().unwrap(), Verdict::Busy(Some(PAUSE)));

    let again = attempts.admit().unwrap_err();
    drop(attempts);

    assert_eq!(again, GuardRefusal::Cooling { retry_in: PAUSE });
    assert_eq!(guard.report().calls, CallCounts::default());
}

#[tokio::test(start_paused = true)]
async fn a_call_without_an_attempt_counts_as_nothing() {
    let guard = guard(2, 1);

    drop(guard.attempts());

    assert_eq!(guard.report().calls, CallCounts::default());
}

#[tokio::test(start_paused = true)]
async fn a_failed_probe_counts_at_once_and_not_when_its_call_ends() {
    let guard = guard(2, 1);
    guard.admit().unwrap().fail();
    advance(Duration::from_secs(30)).await;
    let attempts = guard.attempts();

    attempts.settle(attempts.admit().unwrap(), Verdict::Ill);
    advance(Duration::from_secs(10)).await;

    let report = guard.report();
    assert_eq!((report.state, report.calls.failed), (BreakerState::Open, 2));
    assert_eq!(report.retry_in_seconds, Some(20.0));
    drop(attempts);
    assert_eq!(guard.report().calls.failed, 2);
}

#[tokio::test(start_paused = true)]
async fn an_answer_cancels_the_failures_of_the_attempts_before_it() {
    for answer in [Verdict::Answered, Verdict::Busy(Some(PAUSE))] {
        let guard = guard(2, 1);
        let attempts = guard.attempts();
        attempts.settle(attempts.admit().unwrap(), Verdict::Ill);

        attempts.settle(attempts.admit().unwrap(), answer);
        drop(attempts);

        assert_eq!(guard.report().calls, CallCounts::default(), "{answer:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_attempt_that_says_nothing_leaves_the_failure_before_it() {
    let guard = guard(2, 1);
    let attempts = guard.attempts();
    attempts.settle(attempts.admit().unwrap(), Verdict::Ill);

    attempts.settle(attempts.admit().unwrap(), Verdict::Nothing);
    drop(attempts);

    assert_eq!(guard.report().calls.failed, 1);
}
