//! Breaker inside, retry outside.

use std::collections::BTreeSet;
use std::io::Write;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use orchestrator::domain::{BreakerState, CallCounts};
use orchestrator::resilience::{BreakerSettings, Guard, GuardRefusal, GuardSettings, Verdict};
use tokio::io::AsyncReadExt;
use tokio::net::UnixStream;
use tokio::time::{Instant, advance, sleep, timeout, timeout_at};

use super::{Broken, call, guard};

const PAUSE: Duration = Duration::from_secs(39);

#[tokio::test(start_paused = true)]
async fn a_call_counts_once_however_often_it_was_tried() {
    let (guard, calls) = (guard(2, 3), AtomicU32::new(0));

    for failed in 1..=3 {
        assert_eq!(guard.report().state, BreakerState::Closed);
        assert_eq!(call(&guard, &calls, |_| Err(Broken::Down)).await, Err(Broken::Down));
        assert_eq!(guard.report().calls.failed, failed);
    }

    assert_eq!(guard.report().state, BreakerState::Open);
    assert_eq!(calls.into_inner(), 9);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_succeeds_at_last_speaks_for_the_dependency() {
    let (guard, calls) = (guard(2, 1), AtomicU32::new(0));

    let result = call(&guard, &calls, |n| if n < 2 { Err(Broken::Down) } else { Ok(n) }).await;

    assert_eq!(result, Ok(2));
    let report = guard.report();
    assert_eq!((report.state, report.calls.ok, report.calls.failed), (BreakerState::Closed, 1, 0));
}

#[tokio::test(start_paused = true)]
async fn a_breaker_that_opens_meanwhile_ends_the_retries() {
    let (guard, calls) = (guard(5, 1), AtomicU32::new(0));

    let result = call(&guard, &calls, |_| {
        guard.admit().unwrap().fail();
        Err(Broken::Down)
    })
    .await;

    assert!(matches!(result, Err(Broken::Refused(GuardRefusal::Open { .. }))), "{result:?}");
    assert_eq!(calls.into_inner(), 1);
    let told = guard.report().calls;
    assert_eq!((told.failed, told.rejected), (2, 0), "it was sent, so it was not turned away");
}

#[tokio::test(start_paused = true)]
async fn a_failed_probe_is_not_tried_again() {
    let (guard, calls) = (guard(5, 1), AtomicU32::new(0));
    guard.admit().unwrap().fail();
    advance(Duration::from_secs(30)).await;

    let result = call(&guard, &calls, |_| Err(Broken::Down)).await;

    assert!(matches!(result, Err(Broken::Refused(GuardRefusal::Open { .. }))), "{result:?}");
    assert_eq!((calls.into_inner(), guard.report().calls.failed), (1, 2));
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_given_up_after_a_failed_attempt_counts() {
    let (guard, calls) = (guard(5, 1), AtomicU32::new(0));
    let deadline = Instant::now() + Duration::from_mins(1);
    let tried = guard.call(Duration::from_secs(30), deadline, async || {
        if calls.fetch_add(1, Ordering::Relaxed) == 0 {
            return Err::<u32, _>(Broken::Down);
        }
        std::future::pending().await
    });

    assert!(timeout(Duration::from_secs(5), tried).await.is_err());

    assert_eq!(guard.report().state, BreakerState::Open);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_nobody_waits_for_counts_as_neither() {
    let guard = guard(5, 1);
    let deadline = Instant::now() + Duration::from_mins(1);
    let hanging =
        guard.call(Duration::from_secs(30), deadline, std::future::pending::<Result<(), Broken>>);

    assert!(timeout(Duration::from_secs(5), hanging).await.is_err());

    assert_eq!(guard.report().calls, CallCounts::default());
}

#[tokio::test(start_paused = true)]
async fn a_silence_is_tried_once_more_and_no_more() {
    let (guard, calls) = (guard(5, 1), AtomicU32::new(0));

    let result = call(&guard, &calls, |_| Err(Broken::Silent)).await;

    assert_eq!((result, calls.into_inner()), (Err(Broken::Silent), 2));
}

#[tokio::test(start_paused = true)]
async fn a_deadline_of_the_caller_s_own_says_nothing_of_the_dependency() {
    let guard = guard(0, 1);
    let hanging = || std::future::pending::<Result<(), Broken>>();
    let (limit, soon) = (Duration::from_secs(30), Instant::now() + Duration::from_secs(1));

    let called = guard.call(limit, soon, hanging).await;
    let once = guard.call_once(limit, Instant::now() + Duration::from_secs(1), hanging()).await;

    assert_eq!(called, Err(Broken::Refused(GuardRefusal::DeadlinePassed)));
    assert_eq!(once, Err(Broken::Refused(GuardRefusal::DeadlinePassed)));
    assert_eq!(guard.report().calls, CallCounts::default());
}

#[tokio::test(start_paused = true)]
async fn a_call_that_only_its_limit_ends_counts() {
    let (guard, start) = (guard(0, 1), Instant::now());

    let result: Result<(), Broken> =
        guard.call_within(Duration::from_secs(2), std::future::pending).await;

    assert_eq!(start.elapsed(), Duration::from_secs(2));
    assert_eq!(result, Err(Broken::Refused(GuardRefusal::TimedOut)));
    assert_eq!(guard.report().state, BreakerState::Open);
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_says_no_is_a_sign_of_life_and_what_was_not_sent_is_none() {
    for (error, state) in
        [(Broken::OurFault, BreakerState::Closed), (Broken::Unsent, BreakerState::HalfOpen)]
    {
        let (guard, calls) = (guard(5, 1), AtomicU32::new(0));
        guard.admit().unwrap().fail();
        advance(Duration::from_secs(30)).await;

        assert_eq!(call(&guard, &calls, |_| Err(error)).await, Err(error));

        assert_eq!(guard.report().state, state, "{error:?}");
        assert_eq!((guard.report().calls.ok, guard.report().calls.failed), (0, 1));
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_turned_away_is_counted_once_whoever_turns_it_away() {
    let guard = guard(2, 1);
    guard.settle(guard.admit().unwrap(), Verdict::Busy(Some(Duration::from_secs(90))));
    let calls = AtomicU32::new(0);
    call(&guard, &calls, Ok).await.unwrap_err();
    assert_eq!(guard.report().calls.rejected, 1, "by a pause");

    advance(Duration::from_secs(90)).await;
    guard.admit().unwrap().fail();
    call(&guard, &calls, Ok).await.unwrap_err();

    assert_eq!(guard.report().calls.rejected, 2, "by the breaker");
    assert_eq!(calls.into_inner(), 0);
}

#[tokio::test(start_paused = true)]
async fn of_breaker_and_pause_the_longer_is_told() {
    for (pause, longer) in [(300, 300.0), (5, 30.0)] {
        let guard = guard(0, 1);
        let (first, second) = (guard.admit().unwrap(), guard.admit().unwrap());
        guard.settle(first, Verdict::Busy(Some(Duration::from_secs(pause))));
        guard.settle(second, Verdict::Ill);

        assert_eq!(guard.report().retry_in_seconds, Some(longer));
    }
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
    assert!(matches!(guard.admit(), Err(GuardRefusal::Cooling { .. })));
}

#[tokio::test(start_paused = true)]
async fn a_dependency_that_takes_the_caller_s_whole_time_and_its_own_limit_counts() {
    let (guard, limit) = (guard(0, 1), Duration::from_secs(2));

    let result: Result<(), Broken> =
        guard.call(limit, Instant::now() + limit, std::future::pending).await;

    assert_eq!(result, Err(Broken::Refused(GuardRefusal::TimedOut)));
    assert_eq!(guard.report().calls.failed, 1);
}

#[tokio::test(start_paused = true)]
async fn without_retries_a_pause_is_not_waited_for_either() {
    let (guard, calls, start) = (guard(0, 1), AtomicU32::new(0), Instant::now());
    let pause = Duration::from_secs(4);
    guard.settle(guard.admit().unwrap(), Verdict::Busy(Some(pause)));

    let result = call(&guard, &calls, Ok).await;

    assert_eq!(result, Err(Broken::Refused(GuardRefusal::Cooling { retry_in: pause })));
    assert_eq!((start.elapsed(), calls.into_inner()), (Duration::ZERO, 0));
}

#[tokio::test(start_paused = true)]
async fn what_could_only_begin_at_the_deadline_is_not_waited_for() {
    for (pause, waits) in [(60_000, false), (59_999, true)] {
        let pause = Duration::from_millis(pause);
        let (guard, calls, start) = (guard(5, 1), AtomicU32::new(0), Instant::now());

        let result =
            call(&guard, &calls, |n| if n == 0 { Err(Broken::Busy(pause)) } else { Ok(n) }).await;

        assert_eq!((result.is_ok(), start.elapsed() == pause), (waits, waits));
    }
}

#[tokio::test(start_paused = true)]
async fn a_late_success_does_not_end_a_pause_that_came_meanwhile() {
    let guard = guard(0, 1);
    let (slow, refused) = (guard.admit().unwrap(), guard.admit().unwrap());
    guard.settle(refused, Verdict::Busy(Some(Duration::from_secs(9))));

    guard.succeed(slow);

    assert!(matches!(guard.admit(), Err(GuardRefusal::Cooling { .. })));
}

#[tokio::test(start_paused = true)]
async fn a_call_that_hangs_is_cut_at_its_limit_and_counts() {
    let guard = guard(0, 1);

    let deadline = Instant::now() + Duration::from_mins(1);
    let result: Result<(), Broken> =
        guard.call(Duration::from_secs(2), deadline, std::future::pending).await;

    assert_eq!(result, Err(Broken::Refused(GuardRefusal::TimedOut)));
    assert_eq!(guard.report().state, BreakerState::Open);
}

/// The answer comes from outside and passes through two tasks of ours.
#[tokio::test]
async fn an_answer_that_a_busy_process_looks_at_too_late_is_no_failure() {
    let guard = guard(0, 1);
    let (mut told, tell) = UnixStream::pair().unwrap();
    let mut tell = tell.into_std().unwrap();
    // In time, and while the thread of the tasks is busy.
    let dependency = thread::spawn(move || {
        thread::sleep(Duration::from_millis(20));
        tell.write_all(&[1])
    });
    let first = tokio::spawn(async move { told.read_u8().await });
    let second = tokio::spawn(async { first.await.unwrap() });
    let busy = tokio::spawn(async { thread::sleep(Duration::from_millis(200)) });

    let in_time = Instant::now() + Duration::from_millis(50);
    let answer = guard
        .call_once(Duration::from_millis(50), in_time + PAUSE, async {
            second.await.unwrap().map_err(|_| Broken::Down)
        })
        .await;

    assert_eq!(answer, Ok(1));
    assert_eq!(guard.report().calls.failed, 0);
    dependency.join().unwrap().unwrap();
    busy.await.unwrap();
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

#[tokio::test(start_paused = true)]
async fn a_crowd_that_waited_for_one_pause_does_not_come_at_once() {
    for (jitter, most) in [(false, 2), (true, 8)] {
        let guard = waiting_guard(jitter);
        let (start, calls) = (Instant::now(), AtomicU32::new(0));
        let answer = async || {
            calls.fetch_add(1, Ordering::Relaxed);
            // A refusal takes its time to come back.
            sleep(Duration::from_millis(300)).await;
            Err::<u32, _>(Broken::Busy(Duration::from_secs(30)))
        };

        let deadline = start + Duration::from_mins(1);
        let crowd = (0..500).map(|_| guard.call(Duration::from_secs(2), deadline, answer));
        let until = start + PAUSE + Duration::from_secs(5);
        drop(timeout_at(until, futures::future::join_all(crowd)).await);

        let sent = calls.into_inner();
        assert!((1..=most).contains(&sent), "{sent} with jitter {jitter}");
    }
}

#[tokio::test(start_paused = true)]
async fn once_a_pause_is_over_everybody_gets_through_soon_and_jitter_parts_them() {
    for jitter in [false, true] {
        let (guard, start) = (waiting_guard(jitter), Instant::now());
        let arrivals = Mutex::new(Vec::new());
        let answer = async || {
            arrivals.lock().unwrap().push(start.elapsed());
            Ok::<_, Broken>(0)
        };

        let deadline = start + Duration::from_mins(2);
        let crowd = (0..500).map(|_| guard.call(Duration::from_secs(2), deadline, answer));
        let results = futures::future::join_all(crowd).await;

        assert!(results.iter().all(Result::is_ok));
        let arrivals = arrivals.into_inner().unwrap();
        assert!(arrivals.iter().all(|at| *at >= PAUSE), "the pause is kept");
        assert!(start.elapsed() < PAUSE + Duration::from_secs(6), "{:?}", start.elapsed());
        let moments: BTreeSet<_> = arrivals.iter().map(Duration::as_millis).collect();
        assert!(!jitter || moments.len() > 200, "{}", moments.len());
    }
}

#[tokio::test(start_paused = true)]
async fn whoever_waits_for_a_named_pause_waits_at_most_a_tenth_longer() {
    let (pause, calls) = (Duration::from_secs(4), AtomicU32::new(0));

    for number in 0..50 {
        let (guard, start) = (jittered_guard(), Instant::now());
        let busy_once = |n| if n == 2 * number { Err(Broken::Busy(pause)) } else { Ok(n) };
        call(&guard, &calls, busy_once).await.unwrap();
        assert!(start.elapsed() <= pause * 11 / 10, "{:?}", start.elapsed());
    }
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

/// One that was just asked for a pause.
fn waiting_guard(jitter: bool) -> Guard {
    let guard = if jitter { jittered_guard() } else { guard(2, 3) };
    guard.settle(guard.admit().unwrap(), Verdict::Busy(Some(PAUSE)));
    guard
}

fn jittered_guard() -> Guard {
    let breaker = BreakerSettings { max_failures: 3, cool_down: Duration::from_secs(30) };
    let (min_delay, max_delay) = (Duration::from_millis(100), Duration::from_secs(2));
    Guard::new("test", GuardSettings { breaker, retries: 2, min_delay, max_delay, jitter: true })
}
