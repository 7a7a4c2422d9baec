//! The same request again: what a copy may do is decided in one place, [`decide`], and nowhere
//! else (ADR 14).
//!
//! A request that may come again has a key: the client's own, good for a day, or one made of its
//! frame and its body, good while the turn runs and for a moment after.
//!
//! | what is known of an earlier copy | under a key of the client's own | under a frame |
//! |---|---|---|
//! | nothing | begin | begin |
//! | its body is another | refuse | – |
//! | it runs here | joined, see [`RequestsInFlight`] | joined |
//! | it runs elsewhere | go on: wait for the thread, then decide anew | the same |
//! | it ended for good | replay | begin; replay if the copy came while it ran |
//! | it ended otherwise, and nothing came since | go on | go on in the same breath, else begin |
//! | its process died, and nothing came since | go on | go on for a minute, or while it left effects in the thread; else begin |
//! | it did not end for good, and something came since | replay what is kept | begin |
//!
//! What a retry of an earlier message has forgotten is not there to be replayed: a copy is told so.
//! What a retry of the same message has answered is told as that answer.
//!
//! To go on is to forget what was said for the message and to keep what was done: see `retry`.
//! A copy never goes on once another try was begun in the thread, so it undoes nothing that
//! came after it. Whether each single call is made again, its journal says: see
//! [`JournaledTools`].

mod decision;
mod digest;
mod idempotency;
mod in_flight;
mod journaled_tools;
mod replay;
mod retry;

pub use decision::{RepeatDecision, RepeatMoment, RepeatedRequest, decide};
pub use digest::digest;
pub(super) use in_flight::{InFlightGuard, RequestsInFlight};
pub(super) use journaled_tools::JournaledTools;
