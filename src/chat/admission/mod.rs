//! Lets a request into its thread: in order, one at a time, with one write. Whether the request is
//! a repetition is decided in [`super::repeat`].

mod answers;
mod begin;
mod due;
mod enter;
mod heartbeat;
mod held;
mod queue;

pub(super) use answers::replies;
pub(super) use begin::{Admitted, Plan, Ready, ResumedCalls, StartMode, Started, beginning, start};
pub(super) use enter::{Entered, release_lease};
pub(super) use heartbeat::{Heartbeat, beat};
pub(super) use held::{HeldThread, claim_when_free};
pub(super) use queue::{QueueSlot, Queues};
