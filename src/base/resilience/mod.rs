//! Limits, retries and breakers for external calls. Knows time, but nothing about models, tools or
//! databases, and does no IO.

mod attempts;
mod breaker;
mod cooling;
mod guard;
mod in_time;
mod patience;
mod repeats;
mod retry_budget;

pub use attempts::Attempts;
pub use breaker::{Breaker, BreakerSettings, Permit};
pub use cooling::Cooling;
pub use guard::{Fault, Guard, GuardRefusal, GuardSettings, Repeat, Verdict};
pub use patience::Patience;
pub use retry_budget::{RetryBudget, RetryLeave};
