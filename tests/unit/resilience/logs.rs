//! What an operator reads of breakers, pauses and retries.

use std::sync::atomic::AtomicU32;
use std::time::Duration;

use futures::future::join_all;
use orchestrator::resilience::{Breaker, BreakerSettings, Verdict};
use serde_json::{Value, json};
use tokio::time::advance;
use tracing::Level;

use super::{Broken, call, guard};
use crate::support::log::Log;

/// The values of these fields in every line that says this.
fn told(log: &Log, message: &str, fields: &[&str]) -> Vec<Value> {
    let lines = log.lines().into_iter().map(|line| line["fields"].clone());
    let lines = lines.filter(|line| line["message"] == message);
    lines.map(|line| fields.iter().map(|field| line[field].clone()).collect()).collect()
}

#[test]
fn each_change_of_a_breaker_is_told_once_with_its_name() {
    let (log, _guard) = Log::at(Level::WARN);
    let settings = BreakerSettings { max_failures: 1, cool_down: Duration::ZERO };
    let breaker = Breaker::new("model", settings);

    breaker.admit().unwrap().succeed();
    breaker.admit().unwrap().fail();
    breaker.admit().unwrap().fail();
    let mut probe = breaker.admit().unwrap();
    assert!(breaker.admit().is_err());
    probe.answered();
    probe.succeed();

    let states = ["open", "half_open", "open", "half_open", "closed"];
    let states = states.map(|state| json!(["model", state]));
    assert_eq!(told(&log, "Breaker changed", &["breaker.name", "breaker.state"]), states);
}

#[tokio::test(start_paused = true)]
async fn each_retry_is_told_with_its_number_and_its_wait() {
    let (log, _guard) = Log::at(Level::WARN);
    let (guard, calls) = (guard(3, 1), AtomicU32::new(0));

    call(&guard, &calls, |_| Err(Broken::Down)).await.unwrap_err();

    let expected = [json!([2, 100]), json!([3, 200]), json!([4, 400])];
    assert_eq!(told(&log, "Retrying", &["retry.attempt", "retry.delay_ms"]), expected);
}

#[tokio::test(start_paused = true)]
async fn a_pause_is_told_and_waiting_for_its_end_is_no_retry() {
    let (log, _guard) = Log::at(Level::INFO);
    let (guard, calls) = (guard(1, 1), AtomicU32::new(0));
    let pause = Duration::from_millis(2_500);
    call(&guard, &calls, |n| if n == 0 { Err(Broken::Busy(pause)) } else { Ok(n) }).await.unwrap();
    assert_eq!(told(&log, "Retrying", &["retry.delay_ms"]), [json!([2_500])]);

    guard.settle(guard.admit().unwrap(), Verdict::Busy(Some(pause)));
    call(&guard, &calls, Ok).await.unwrap();

    assert_eq!(told(&log, "Asked for a pause", &["retry.delay_ms"]), vec![json!([2_500]); 2]);
    let waits = told(&log, "Waiting for the end of a pause", &["retry.delay_ms"]);
    assert_eq!((waits, told(&log, "Retrying", &[]).len()), (vec![json!([2_500])], 1));
}

#[tokio::test(start_paused = true)]
async fn a_budget_that_is_used_up_is_told_once_in_ten_seconds_with_the_name_of_the_dependency() {
    let (log, _guard) = Log::at(Level::WARN);
    let (guard, calls) = (guard(2, u32::MAX), AtomicU32::new(0));
    let used_up = "The retry budget is used up: calls fail immediately for now";

    for told_so_far in 1..=2 {
        join_all((0..100).map(|_| call(&guard, &calls, |_| Err(Broken::Down)))).await;
        let names = told(&log, used_up, &["breaker.name"]);
        assert_eq!(names, vec![json!(["test"]); told_so_far]);
        advance(Duration::from_secs(10)).await;
    }
}
