//! How many repeats a dependency is asked to bear: a share of its calls, so that an outage is not multiplied.

use std::sync::{Mutex, PoisonError};

use tokio::time::Instant;

/// What is looked back on, in seconds.
const WINDOW: u64 = 10;
/// One repeat for so many calls of the window.
const CALLS_PER_REPEAT: u64 = 5;
/// Repeats a second that are always allowed: a share of few calls would be none.
const ALWAYS: u64 = 3;

/// The repeats of everybody who calls one dependency.
#[derive(Debug)]
pub struct RetryBudget {
    began: Instant,
    state: Mutex<BudgetWindow>,
}

/// What a call gets that would be made again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RetryLeave {
    /// It may be.
    Granted,
    /// It may not; whether that is news, for the log is told once a window.
    Refused {
        /// Nobody was told within this window.
        is_news: bool,
    },
}

#[derive(Debug, Default)]
struct BudgetWindow {
    current: Second,
    past: Vec<Second>,
    /// When a refusal was told last.
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
    /// Notes that a call is made for the first time.
    pub fn call(&self) {
        self.now(|state| state.current.calls += 1);
    }

    /// Asks leave to make a call again.
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
    /// Begins a new second, if one has begun, and forgets what lies before the window.
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
