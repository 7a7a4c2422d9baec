//! Limits the retries of all callers to a share of the calls, so that an outage does not multiply
//! the load (ADR 18).

use std::sync::{Mutex, PoisonError};

use tokio::time::Instant;

/// Seconds that count. These numbers are no setting: proxies have used them for years (ADR 18).
const WINDOW: u64 = 10;
/// One retry for this many calls of the window.
const CALLS_PER_REPEAT: u64 = 5;
/// Retries per second that are always allowed: the share of a few calls would be none.
const ALWAYS: u64 = 3;

/// Shared by all callers of one dependency.
#[derive(Debug)]
pub struct RetryBudget {
    began: Instant,
    state: Mutex<BudgetWindow>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RetryLeave {
    Granted,
    Refused {
        /// Whether to log it: once in a window.
        is_news: bool,
    },
}

#[derive(Debug, Default)]
struct BudgetWindow {
    current: Second,
    past: Vec<Second>,
    /// The second in which a refusal was logged last.
    told: Option<u64>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Second {
    number: u64,
    calls: u64,
    repeats: u64,
}

impl Default for RetryBudget {
    fn default() -> Self {
        Self { began: Instant::now(), state: Mutex::default() }
    }
}

impl RetryBudget {
    /// Counts the first attempt of a call.
    pub fn call(&self) {
        self.now(|state| state.current.calls += 1);
    }

    /// Asks for a retry, and counts it if there is room.
    pub fn repeat(&self) -> RetryLeave {
        self.now(|state| {
            if state.has_room() {
                state.current.repeats += 1;
                return RetryLeave::Granted;
            }
            let now = state.current.number;
            let is_news = state.told.is_none_or(|told| told + WINDOW <= now);
            state.told = if is_news { Some(now) } else { state.told };
            RetryLeave::Refused { is_news }
        })
    }

    fn now<T>(&self, work: impl FnOnce(&mut BudgetWindow) -> T) -> T {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.turn_to(self.began.elapsed().as_secs());
        work(&mut state)
    }
}

impl BudgetWindow {
    /// Starts a new second if the clock has, and forgets those before the window.
    fn turn_to(&mut self, number: u64) {
        if number > self.current.number {
            let ended =
                std::mem::replace(&mut self.current, Second { number, ..Second::default() });
            self.past.push(ended);
            self.past.retain(|second| second.number + WINDOW > number);
        }
    }

    fn has_room(&self) -> bool {
        let window = || self.past.iter().chain([&self.current]);
        let calls: u64 = window().map(|second| second.calls).sum();
        let repeats: u64 = window().map(|second| second.repeats).sum();
        repeats < calls / CALLS_PER_REPEAT + ALWAYS * WINDOW
    }
}
