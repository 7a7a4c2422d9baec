//! How many turns run at the same time: as many as the process can carry (ADR 35).
//!
//! A turn that waits for its model costs nearly nothing, so their number says little. What says
//! something is how long work that is ready waits for the processor, which the clock of each core
//! measures (`turn/sweep`): `limit` follows it, `pool` says who may have how many, `line` keeps the
//! waiting in a fair order.

mod limit;
mod line;
mod overload;
mod pool;
mod taken;

pub(super) use taken::{Place, Places};
