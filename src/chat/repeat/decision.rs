//! Decides what a repeated request may do. No other place decides (ADR 22).

use std::time::Duration;

use super::super::{Held, Received, RepeatKey, RepeatWindow};
use base::domain::Outcome;

/// The same text from the same frame within this time after a cut is a repetition.
const SAME_BREATH: Duration = Duration::from_secs(10);

/// A client repeats a request by itself if its server died, and does not take longer than this.
const REPEATS_BY_ITSELF: Duration = Duration::from_mins(1);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RepeatDecision {
    /// It is a request of its own.
    Begin,
    /// It continues the turn of its earlier copy, once the thread is free.
    GoOn,
    /// The stored part of its earlier copy's turn is sent again.
    Replay,
    /// The key was used for another request.
    Refuse,
}

/// A request, and what is known of an earlier one with the same key.
#[derive(Clone, Copy, Debug)]
pub struct RepeatedRequest<'a> {
    pub repeat: &'a RepeatKey,
    /// The earlier request, its end, and the state of its thread and its journal, from one read.
    pub earlier: &'a Received,
    pub moment: RepeatMoment,
}

/// When the decision is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RepeatMoment {
    /// The request has just arrived.
    Arrival,
    /// The request was found to repeat one that had not ended, and has waited for the thread.
    Waited,
}

/// Decides what a repeated request may do. Pure: a test compares every combination with a table.
pub fn decide(copy: RepeatedRequest<'_>) -> RepeatDecision {
    let RepeatedRequest { repeat, earlier, moment } = copy;
    if earlier.receipt.body != repeat.body {
        return RepeatDecision::Refuse;
    }
    // A copy that has waited stays a copy, however the first one ended (ADR 22).
    match (repeat.window, moment) {
        (RepeatWindow::Turn, RepeatMoment::Arrival) if !is_likely_the_same(earlier) => {
            RepeatDecision::Begin
        }
        (RepeatWindow::Turn | RepeatWindow::Day, _) => the_same(earlier),
    }
}

/// A complete answer is replayed; anything else is continued, unless something came since.
fn the_same(earlier: &Received) -> RepeatDecision {
    let is_final = earlier.end.as_ref().is_some_and(|end| end.ending.is_final);
    if earlier.is_newest && !is_final { RepeatDecision::GoOn } else { RepeatDecision::Replay }
}

/// The same text from the same frame: users do say "yes" twice, components repeat what broke off.
fn is_likely_the_same(earlier: &Received) -> bool {
    if !earlier.is_newest {
        return false;
    }
    match (&earlier.end, earlier.held) {
        (Some(end), _) => {
            let was_cut = end.ending.outcome == Outcome::Cancelled && !end.ending.is_final;
            was_cut && end.ago <= SAME_BREATH
        }
        (None, Held::Now) => true,
        (None, Held::FellSilent(since)) => {
            // What the dead turn did must not be done again by the same text in the same thread.
            let has_left_effects = earlier.has_effects && !earlier.receipt.is_new;
            since <= REPEATS_BY_ITSELF || has_left_effects
        }
        (None, Held::LetGo) => false,
    }
}
