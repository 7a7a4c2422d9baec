//! Waiting and giving up: knows time, knows nothing of models, tools or databases.

mod breaker;
mod cooling;
mod guard;

pub use breaker::{Breaker, BreakerSettings, Permit};
pub use cooling::Cooling;
pub use guard::{Fault, Guard, GuardSettings, Refusal, Repeat, Verdict};
