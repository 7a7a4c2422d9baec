//! The same under many threads: what several calls share is never more than it may be, and nothing
//! of it is lost. The clock stands still unless a test moves it.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use orchestrator::domain::BreakerState;
use orchestrator::resilience::{
    Breaker, BreakerSettings, Cooling, RetryBudget, RetryLeave, Verdict,
};
use tokio::runtime::Handle;
use tokio::time::advance;

use super::guard;
use crate::support::random::Random;

const THREADS: u64 = 8;
const ROUNDS: u64 = 2_000;

/// Runs the same work in many threads at once, each with its own numbers, and waits for all.
fn in_threads(work: impl Fn(&mut Random) + Sync) {
    let clock = &Handle::current();
    let work = &work;
    thread::scope(|scope| {
        for seed in 0..THREADS {
            scope.spawn(move || {
                let _clock = clock.enter();
                work(&mut Random(seed));
            });
        }
    });
}

fn breaker(max_failures: u32, cool_down: Duration) -> Breaker {
    Breaker::new("test", BreakerSettings { max_failures, cool_down })
}

#[tokio::test(start_paused = true)]
async fn a_half_open_breaker_lets_one_through_at_a_time_and_counts_everybody() {
    let breaker = breaker(1, Duration::ZERO);
    breaker.admit().unwrap().fail();
    let (inside, let_in, failed) = (AtomicUsize::new(0), AtomicU64::new(0), AtomicU64::new(1));

    in_threads(|random| {
        for _ in 0..ROUNDS {
            let Ok(permit) = breaker.admit() else { continue };
            assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0, "two probes at the same time");
            let_in.fetch_add(1, Ordering::Relaxed);
            thread::yield_now();
            inside.fetch_sub(1, Ordering::SeqCst);
            if random.below(2) == 0 {
                failed.fetch_add(1, Ordering::Relaxed);
                permit.fail();
            }
        }
    });

    let calls = breaker.report().calls;
    let (let_in, failed) = (let_in.into_inner(), failed.into_inner());
    assert_eq!((calls.ok, calls.failed, calls.rejected + let_in), (0, failed, THREADS * ROUNDS));
    breaker.admit().unwrap().succeed();
    assert_eq!(breaker.report().state, BreakerState::Closed, "the probe's place was given back");
}

#[tokio::test(start_paused = true)]
async fn no_failure_is_lost_and_the_last_allowed_one_opens() {
    let failures = THREADS * ROUNDS;
    let breaker = breaker(u32::try_from(failures).unwrap() + 1, Duration::from_secs(30));

    in_threads(|_| (0..ROUNDS).for_each(|_| breaker.admit().unwrap().fail()));

    let report = breaker.report();
    assert_eq!((report.state, report.calls.failed), (BreakerState::Closed, failures));
    breaker.admit().unwrap().fail();
    assert_eq!(breaker.report().state, BreakerState::Open);
}

#[tokio::test(start_paused = true)]
async fn whatever_many_calls_come_to_a_guard_counts_each_once_and_stays_usable() {
    let guard = guard(0, 3);
    let counts = [const { AtomicU64::new(0) }; 3];
    let [ok, failed, turned_away] = &counts;

    in_threads(|random| {
        for _ in 0..ROUNDS {
            let attempts = guard.attempts();
            let Ok(permit) = attempts.admit() else {
                turned_away.fetch_add(1, Ordering::Relaxed);
                continue;
            };
            match random.below(5) {
                0 => {
                    ok.fetch_add(1, Ordering::Relaxed);
                    attempts.succeed(permit);
                }
                1 => {
                    failed.fetch_add(1, Ordering::Relaxed);
                    attempts.settle(permit, Verdict::Ill);
                }
                2 => attempts.settle(permit, Verdict::Answered),
                3 => attempts.settle(permit, Verdict::Busy(Some(Duration::ZERO))),
                _ => attempts.settle(permit, Verdict::Nothing),
            }
        }
    });

    let calls = guard.report().calls;
    let counts = counts.map(AtomicU64::into_inner);
    assert_eq!([calls.ok, calls.failed, calls.rejected], counts);
    advance(Duration::from_mins(1)).await;
    guard.succeed(guard.admit().unwrap());
    assert_eq!(guard.report().state, BreakerState::Closed);
}

#[tokio::test(start_paused = true)]
async fn a_budget_grants_what_its_calls_allow_to_all_threads_together() {
    let budget = RetryBudget::default();
    let (all_granted, news) = (AtomicU64::new(0), AtomicU64::new(0));
    let ask = || {
        let (granted, told) = match budget.repeat() {
            RetryLeave::Granted => (1, 0),
            RetryLeave::Refused { is_news } => (0, u64::from(is_news)),
        };
        all_granted.fetch_add(granted, Ordering::Relaxed);
        news.fetch_add(told, Ordering::Relaxed);
    };

    in_threads(|random| {
        for _ in 0..ROUNDS {
            budget.call();
            (0..random.below(3)).for_each(|_| ask());
        }
    });
    (0..ROUNDS).for_each(|_| ask());

    assert_eq!(all_granted.into_inner(), THREADS * ROUNDS / 5 + 30);
    assert_eq!(news.into_inner(), 1, "it is told once");
}

#[tokio::test(start_paused = true)]
async fn after_a_pause_the_first_step_lets_one_of_all_threads_through_and_the_next_ones_twice_as_many()
 {
    let cooling = Cooling::default();
    cooling.hold(Some(Duration::from_secs(9)));
    advance(Duration::from_secs(9)).await;

    for expected in [1, 1, 2, 4, 8] {
        let admitted = AtomicU64::new(0);
        in_threads(|_| {
            let own = (0..ROUNDS).filter(|_| cooling.admit().is_ok()).count();
            admitted.fetch_add(u64::try_from(own).unwrap(), Ordering::Relaxed);
        });
        assert_eq!(admitted.into_inner(), expected);
        advance(Duration::from_millis(500)).await;
    }
}
