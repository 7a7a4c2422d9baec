//! The same request again: what a copy may do is decided by [`decide`] and nowhere else (ADR 14,
//! ADR 22).
//!
//! A request that may be repeated has a key: the client's own, valid for a day, or one made of its
//! frame and its body, valid while the turn runs and for a moment after.
//!
//! | what is known of an earlier copy | with a key of the client | with a key of the frame |
//! |---|---|---|
//! | nothing | begin | begin |
//! | it has another body | refuse | – |
//! | it runs here | join, see [`RequestsInFlight`] | join |
//! | it runs elsewhere | go on: wait for the thread, then decide again | the same |
//! | it ended for good | replay | begin; replay if the copy came while it ran |
//! | it ended otherwise, and nothing came since | go on | go on within 10 s of a cut, else begin |
//! | its process died, and nothing came since | go on | go on for a minute, or if it left effects in the thread; else begin |
//! | it did not end for good, and something came since | replay what is stored | begin |
//!
//! What a retry of an earlier message has deleted cannot be replayed: a copy is told so. If a retry
//! of the same message has answered it, a copy gets that answer.
//!
//! To go on means to delete what was said for the message and to keep what was done: see `retry`. A
//! copy never goes on once another try was begun in the thread, so it undoes nothing that came
//! after it. Whether a single call is made again is up to the journal: see [`JournaledTools`].

mod decision;
mod idempotency;
mod in_flight;
mod journaled_tools;
mod replay;
mod retry;

pub use decision::{RepeatDecision, RepeatMoment, RepeatedRequest, decide};
pub(super) use idempotency::{admit, resumable};
pub(super) use in_flight::{InFlightGuard, RequestsInFlight};
pub(super) use journaled_tools::JournaledTools;
pub(super) use retry::{KeptCalls, kept_after, try_again};
