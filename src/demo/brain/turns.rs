//! Cuts a transcript into turns, and turns into rounds of calls with their results.

use crate::conversation::{ASK_USER, Call, Said};

#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct ConversationTurn<'a> {
    pub(super) text: &'a str,
    pub(super) rounds: Vec<Round<'a>>,
    /// The last form of this turn.
    pub(super) asked: Option<&'a Call>,
}

/// The calls of one reply with their results; none where there is no result.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Round<'a> {
    pub(super) results: Vec<Option<&'a str>>,
    calls: Vec<&'a Call>,
}

/// Anything before the first message of the user is skipped.
pub(super) fn turns(said: &[Said]) -> Vec<ConversationTurn<'_>> {
    let mut turns: Vec<ConversationTurn<'_>> = Vec::new();
    for one in said {
        match (one, turns.last_mut()) {
            (Said::User(text), _) => {
                turns.push(ConversationTurn { text, ..ConversationTurn::default() });
            }
            (Said::Assistant { calls, .. }, Some(turn)) => take_calls(turn, calls),
            (Said::Tool { call_id, output }, Some(turn)) => settle(turn, call_id, output),
            (Said::Assistant { .. } | Said::Tool { .. }, None) => {}
        }
    }
    turns
}

/// A form is not a round: its answer is the next message (ADR 13).
fn take_calls<'a>(turn: &mut ConversationTurn<'a>, calls: &'a [Call]) {
    let (forms, calls): (Vec<_>, Vec<_>) = calls.iter().partition(|call| call.name == ASK_USER);
    turn.asked = forms.last().copied().or(turn.asked);
    if !calls.is_empty() {
        turn.rounds.push(Round { results: vec![None; calls.len()], calls });
    }
}

/// Assigns a result to the last call with this id that has none: ids may repeat in a transcript.
fn settle<'a>(turn: &mut ConversationTurn<'a>, call_id: &str, output: &'a str) {
    for round in turn.rounds.iter_mut().rev() {
        let slots = round.calls.iter().zip(round.results.iter_mut());
        if let Some((_, slot)) =
            slots.into_iter().find(|(call, slot)| call.id == call_id && slot.is_none())
        {
            *slot = Some(output);
            return;
        }
    }
}
