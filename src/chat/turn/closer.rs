//! Ends a turn: one write stores its last entry and releases its thread (ADR 20).

use std::sync::Arc;

use super::super::admission::{HeldThread, QueueSlot};
use super::super::allowance::CountedTurn;
use super::super::context::ChatContext;
use super::super::places::Place;
use super::super::record::recorder::Recorded;
use super::super::record::wording::message_for_person;
use super::super::{Charge, Closing, Ending, Entry, Fact, Settlement, ThreadsError, TurnEnd};
use super::TurnLog;
use base::agents::Finish;
use base::domain::{Owner, ThreadId};

/// What a turn holds until its end. It is released before the end is announced: whoever reads that
/// may send the next message at once (ADR 11).
pub(super) struct TurnCloser {
    pub(super) held: HeldThread,
    pub(super) slot: Option<QueueSlot>,
    pub(super) place: Place,
    pub(super) counted: Option<CountedTurn>,
    pub(super) log: Arc<TurnLog>,
    /// The key of the request and the id of this try; `None` if it cannot be repeated.
    pub(super) repeat: Option<(String, String)>,
    pub(super) request_id: String,
    pub(super) payer: Payer,
}

/// Whose use of the server a turn is added to, once for each try (ADR 30).
#[derive(Clone, Debug)]
pub(super) struct Payer {
    pub(super) owner: Owner,
    pub(super) attempt: String,
}

/// Releases the thread and returns the real end: a turn that could not be stored did not
/// succeed.
pub(super) async fn close_turn(
    chat: &ChatContext,
    closer: TurnCloser,
    recorded: Recorded,
) -> TurnEnd {
    let TurnCloser { held, slot, place, counted, log, repeat, request_id, payer } = closer;
    let Recorded { mut end, last, is_final, spends } = recorded;
    let charge = Charge { turn: payer.attempt, turns: 1, spends };
    let spent = held.spent + end.spend;
    let settled = repeat.as_ref().map(|repeat| settlement(repeat, &end, is_final));
    let (last_kept, paid) = (last.clone(), Some(charge.clone()));
    let closing = Closing { spent, last: last_kept, settlement: settled, charge: paid };
    let left = chat.store.end(&held.lease, closing).await;
    drop((held, slot, place, counted));
    let is_left = left.is_ok();
    tell_last(left, last, &mut end, &log, &request_id);
    // The failed write contained the receipt. It is settled alone, with the corrected end.
    if !is_left && let Some(repeat) = repeat {
        settle(chat, &settlement(&repeat, &end, is_final)).await;
    }
    if !is_left {
        charge_alone(chat, &payer.owner, &end.thread, &charge).await;
    }
    end
}

/// Adds what could not be written with an end. If this fails too, the next turn of the thread
/// counts it as one of unknown cost (ADR 30).
pub(super) async fn charge_alone(
    chat: &ChatContext,
    owner: &Owner,
    thread: &ThreadId,
    charge: &Charge,
) {
    if let Err(error) = chat.store.charge(owner, thread, charge).await {
        tracing::warn!(error = &error as &dyn std::error::Error, "Use was not recorded");
    }
}

async fn settle(chat: &ChatContext, settlement: &Settlement) {
    if let Err(error) = chat.store.settle(settlement).await {
        tracing::warn!(error = &error as &dyn std::error::Error, "Receipt was not settled");
    }
}

/// What a later copy finds. An end that could not be stored is not final.
fn settlement((key, attempt): &(String, String), end: &TurnEnd, is_final: bool) -> Settlement {
    let ending = Ending {
        outcome: end.outcome,
        is_final: is_final && end.told.is_none(),
        told: end.told.clone(),
        spend: end.spend,
    };
    Settlement { key: key.clone(), attempt: attempt.clone(), ending }
}

/// Announces the last item once it is stored. If it is not, the turn did not succeed.
fn tell_last(
    kept: Result<(), ThreadsError>,
    last: Option<Entry>,
    end: &mut TurnEnd,
    log: &TurnLog,
    request_id: &str,
) {
    match (kept, last) {
        (Ok(()), last) => {
            if let Some(item) = last.and_then(|last| last.item) {
                log.tell(Fact::ItemKept(Box::new(item)));
            }
        }
        (Err(error), Some(_)) => {
            tracing::error!(error = &error as &dyn std::error::Error, "Entry was not stored");
            let finish = match error {
                ThreadsError::Lost => Finish::Lost,
                ThreadsError::UnknownCursor
                | ThreadsError::Preparing
                | ThreadsError::Busy
                | ThreadsError::Unavailable(_) => Finish::Storage,
            };
            end.outcome = finish.outcome();
            end.told = message_for_person(&finish, &end.tool_calls, request_id);
        }
        (Err(error), None) => {
            tracing::warn!(error = &error as &dyn std::error::Error, "Lease not released");
        }
    }
}
