//! How many turns run at the same time: as many as the process can carry (ADR 35).
//!
//! A turn that waits for its model costs nearly nothing, so their number says little. What says
//! something is how long work that is ready waits for the processor: `lag` is measured by the
//! clock of each core (`turn/sweep`), `limit` follows it, `line` keeps the waiting in a fair order.

mod limit;
mod line;
mod overload;
mod taken;

pub(super) use taken::{Place, Places};
