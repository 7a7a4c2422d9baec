//! Breaker inside, retry outside.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use orchestrator::domain::BreakerState;
use orchestrator::resilience::{
    BreakerSettings, Fault, Guard, GuardSettings, Refusal, Repeat, Verdict,
};
use tokio::time::Instant;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Broken {
    Refused(Refusal),
    Down,
    Busy(Duration),
    OurFault,
}

impl From<Refusal> for Broken {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl Fault for Broken {
    fn verdict(&self) -> Verdict {
        match self {
            Self::Down | Self::Refused(Refusal::TimedOut) => Verdict::Ill,
            Self::Busy(pause) => Verdict::Busy(Some(*pause)),
            Self::OurFault | Self::Refused(_) => Verdict::Well,
        }
    }

    fn repeat(&self) -> Repeat {
        match self {
            Self::Down => Repeat::AfterBackoff,
            Self::Busy(pause) => Repeat::After(*pause),
            Self::Refused(Refusal::Cooling { retry_in }) => Repeat::Unsent(*retry_in),
            Self::OurFault | Self::Refused(_) => Repeat::Never,
        }
    }
}

#[tokio::test(start_paused = true)]
async fn each_attempt_counts_once_and_an_open_breaker_ends_the_retries() {
    let (guard, calls) = (guard(5, 3), AtomicU32::new(0));

    let result = call(&guard, &calls, |_| Err(Broken::Down)).await;

    assert!(matches!(result, Err(Broken::Refused(Refusal::Open { .. }))), "{result:?}");
    assert_eq!(calls.into_inner(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_fault_of_our_own_is_neither_repeated_nor_counted() {
    let (guard, calls) = (guard(5, 1), AtomicU32::new(0));

    let result = call(&guard, &calls, |_| Err(Broken::OurFault)).await;

    assert_eq!(result, Err(Broken::OurFault));
    assert_eq!(calls.into_inner(), 1);
    assert_eq!(guard.report().state, BreakerState::Closed);
}

#[tokio::test(start_paused = true)]
async fn a_named_pause_is_waited_out_and_opens_nothing() {
    let (guard, calls, start) = (guard(5, 1), AtomicU32::new(0), Instant::now());
    let pause = Duration::from_secs(4);

    let result =
        call(&guard, &calls, |n| if n == 0 { Err(Broken::Busy(pause)) } else { Ok(n) }).await;

    assert_eq!(result, Ok(1));
    assert!(start.elapsed() >= pause);
    assert_eq!(guard.report().state, BreakerState::Closed);
}

#[tokio::test(start_paused = true)]
async fn a_pause_is_reported_apart_from_the_state() {
    let guard = guard(0, 1);
    assert_eq!(guard.report().cooling_seconds, None);

    guard.settle(guard.admit().unwrap(), Verdict::Busy(Some(Duration::from_secs(9))));

    let report = guard.report();
    assert_eq!((report.state, report.cooling_seconds), (BreakerState::Closed, Some(9.0)));
    assert_eq!(report.retry_in_seconds, Some(9.0));
}

#[tokio::test(start_paused = true)]
async fn a_pause_past_the_deadline_gives_up_at_once() {
    let (guard, calls, start) = (guard(5, 1), AtomicU32::new(0), Instant::now());

    let result = call(&guard, &calls, |_| Err(Broken::Busy(Duration::from_mins(10)))).await;

    assert_eq!(result, Err(Broken::Busy(Duration::from_mins(10))));
    assert_eq!(start.elapsed(), Duration::ZERO);
    assert!(matches!(guard.admit(), Err(Refusal::Cooling { .. })));
}

#[tokio::test(start_paused = true)]
async fn a_late_success_does_not_end_a_pause_that_came_meanwhile() {
    let guard = guard(0, 1);
    let (slow, refused) = (guard.admit().unwrap(), guard.admit().unwrap());
    guard.settle(refused, Verdict::Busy(Some(Duration::from_secs(9))));

    guard.succeed(slow);

    assert!(matches!(guard.admit(), Err(Refusal::Cooling { .. })));
}

#[tokio::test(start_paused = true)]
async fn a_call_that_hangs_is_cut_at_its_limit_and_counts() {
    let guard = guard(0, 1);

    let deadline = Instant::now() + Duration::from_mins(1);
    let result: Result<(), Broken> =
        guard.call(Duration::from_secs(2), deadline, std::future::pending).await;

    assert_eq!(result, Err(Broken::Refused(Refusal::TimedOut)));
    assert_eq!(guard.report().state, BreakerState::Open);
}

#[tokio::test(start_paused = true)]
async fn an_outage_is_not_multiplied() {
    let (guard, calls) = (guard(2, u32::MAX), AtomicU32::new(0));

    let all = (0..1_000).map(|_| call(&guard, &calls, |_| Err(Broken::Down)));
    let results = futures::future::join_all(all).await;

    assert!(results.iter().all(|result| *result == Err(Broken::Down)));
    let attempts = calls.into_inner();
    assert!((1_200..=1_000 + 200 + 3 * 10).contains(&attempts), "{attempts}");
}

#[tokio::test(start_paused = true)]
async fn a_call_without_budget_ends_at_once_with_its_own_error() {
    let (guard, calls) = (guard(2, u32::MAX), AtomicU32::new(0));
    let all = (0..100).map(|_| call(&guard, &calls, |_| Err(Broken::Down)));
    futures::future::join_all(all).await;
    let (before, start) = (calls.load(Ordering::Relaxed), Instant::now());

    let result = call(&guard, &calls, |_| Err(Broken::Down)).await;

    assert_eq!((result, start.elapsed()), (Err(Broken::Down), Duration::ZERO));
    assert_eq!(calls.into_inner(), before + 1);
}

#[tokio::test(start_paused = true)]
async fn calls_held_back_unsent_take_nothing_from_the_budget() {
    let (guard, calls) = (guard(2, 1), AtomicU32::new(0));
    guard.settle(guard.admit().unwrap(), Verdict::Busy(Some(Duration::from_secs(4))));

    let all = (0..100).map(|_| call(&guard, &calls, Ok));
    let results = futures::future::join_all(all).await;

    assert!(results.iter().all(Result::is_ok));
    assert_eq!(calls.into_inner(), 100);
}

#[tokio::test]
async fn a_guarded_call_can_be_spawned() {
    let guard = Arc::new(guard(0, 1));

    let task = tokio::spawn(async move {
        let value = String::from("borrowed");
        let read = || async { Ok::<_, Broken>(value.len()) };
        guard.call(Duration::from_secs(1), Instant::now() + Duration::from_secs(1), read).await
    });

    assert_eq!(task.await.unwrap(), Ok(8));
}

async fn call(
    guard: &Guard,
    calls: &AtomicU32,
    answer: impl Fn(u32) -> Result<u32, Broken>,
) -> Result<u32, Broken> {
    let deadline = Instant::now() + Duration::from_mins(1);
    guard
        .call(Duration::from_secs(2), deadline, || async {
            answer(calls.fetch_add(1, Ordering::Relaxed))
        })
        .await
}

fn guard(retries: usize, max_failures: u32) -> Guard {
    let breaker = BreakerSettings { max_failures, cool_down: Duration::from_secs(30) };
    let (min_delay, max_delay) = (Duration::from_millis(100), Duration::from_secs(2));
    Guard::new("test", GuardSettings { breaker, retries, min_delay, max_delay, jitter: false })
}
