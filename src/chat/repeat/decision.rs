//! What a request may do that was seen before: the only place that decides.

use std::time::Duration;

use super::super::{Held, Received, RepeatKey, RepeatWindow};
use crate::domain::Outcome;

/// Whoever cut a turn and asks the same again within this time meant the same.
const SAME_BREATH: Duration = Duration::from_secs(10);

/// A client repeats by itself a request whose server died; it does not take longer than this.
const REPEATS_BY_ITSELF: Duration = Duration::from_mins(1);

/// What becomes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RepeatDecision {
    /// It is a request of its own.
    Begin,
    /// It goes on with the turn of its earlier copy, once the thread is free.
    GoOn,
    /// What is kept of its earlier copy's turn is told again.
    Replay,
    /// The key was used for something else.
    Refuse,
}

/// A request beside what is known of an earlier one under its key.
#[derive(Clone, Copy, Debug)]
pub struct RepeatedRequest<'a> {
    /// The request.
    pub repeat: &'a RepeatKey,
    /// The earlier one, its end, its thread and its journal.
    pub earlier: &'a Received,
    /// When it is asked.
    pub moment: RepeatMoment,
}

/// When it is decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RepeatMoment {
    /// The request has just come.
    Arrival,
    /// It was found to be the same as one that had not ended, and has waited for that one's thread.
    Waited,
}

/// Decides what a request may do that was seen before.
pub fn decide(copy: RepeatedRequest<'_>) -> RepeatDecision {
    let RepeatedRequest { repeat, earlier, moment } = copy;
    if earlier.receipt.body != repeat.body {
        return RepeatDecision::Refuse;
    }
    match (repeat.window, moment) {
        (RepeatWindow::Turn, RepeatMoment::Arrival) if !is_likely_the_same(earlier) => {
            RepeatDecision::Begin
        }
        (RepeatWindow::Turn | RepeatWindow::Day, _) => the_same(earlier),
    }
}

/// A whole answer is told again, anything else gone on with, unless something came since.
fn the_same(earlier: &Received) -> RepeatDecision {
    let is_final = earlier.end.as_ref().is_some_and(|end| end.ending.is_final);
    if earlier.is_newest && !is_final { RepeatDecision::GoOn } else { RepeatDecision::Replay }
}

/// The same words from the same frame: people say "yes" twice, components repeat what broke off.
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
            // What it did must not be done again by the same words in the same thread.
            let has_left_effects = earlier.has_effects && !earlier.receipt.is_new;
            since <= REPEATS_BY_ITSELF || has_left_effects
        }
        (None, Held::LetGo) => false,
    }
}
