//! Waiting and giving up.

mod attempts;
mod breaker;
mod cooling;
mod guard;
mod logs;
mod patience;
mod retry_budget;
mod threads;

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use orchestrator::resilience::{
    BreakerSettings, Fault, Guard, GuardRefusal, GuardSettings, Repeat, Verdict,
};
use tokio::time::Instant;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Broken {
    Refused(GuardRefusal),
    Down,
    Silent,
    Busy(Duration),
    OurFault,
    Unsent,
}

impl From<GuardRefusal> for Broken {
    fn from(refusal: GuardRefusal) -> Self {
        Self::Refused(refusal)
    }
}

impl Fault for Broken {
    fn verdict(&self) -> Verdict {
        match self {
            Self::Down | Self::Silent | Self::Refused(GuardRefusal::TimedOut) => Verdict::Ill,
            Self::Busy(pause) => Verdict::Busy(Some(*pause)),
            Self::OurFault => Verdict::Answered,
            Self::Unsent | Self::Refused(_) => Verdict::Nothing,
        }
    }

    fn repeat(&self) -> Repeat {
        match self {
            Self::Down => Repeat::AfterBackoff,
            Self::Silent => Repeat::Once,
            Self::Busy(pause) => Repeat::After(*pause),
            Self::Refused(GuardRefusal::Cooling { retry_in }) => Repeat::Unsent(*retry_in),
            Self::OurFault | Self::Unsent | Self::Refused(_) => Repeat::Never,
        }
    }
}

/// A call with a minute for all of its attempts.
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

/// Whose waits are not random.
fn guard(retries: usize, max_failures: u32) -> Guard {
    let breaker = BreakerSettings { max_failures, cool_down: Duration::from_secs(30) };
    let (min_delay, max_delay) = (Duration::from_millis(100), Duration::from_secs(2));
    Guard::new("test", GuardSettings { breaker, retries, min_delay, max_delay, jitter: false })
}
