//! Counts a copy that was let past a limit of its caller, once it begins work (ADR 30).

use super::super::allowance::count;
use super::super::context::ChatContext;
use super::super::request::job::TurnJob;
use super::super::{BeginError, Charge};
use base::domain::SpendByModel;

/// It was to be answered with what is stored. Now the turn that it waited for has broken off, or what was
/// stored is gone, and it is a turn like any other.
///
/// `before` is that other turn. If its process has died, it would count for as long as this one holds
/// the thread.
pub(super) async fn count_due(
    chat: &ChatContext,
    job: &mut TurnJob,
    before: Option<&str>,
) -> Result<(), BeginError> {
    let Some(turn) = &mut job.due else { return Ok(()) };
    turn.thread = job.thread.clone();
    if let Some(before) = before {
        let spends = SpendByModel::unknown();
        let charge = Charge { turn: before.to_owned(), turns: 1, spends };
        chat.store.charge(&turn.owner, &turn.thread, &charge).await?;
    }
    let (counted, _) = count(chat, turn).await?.map_err(BeginError::OverLimit)?;
    (job.counted, job.due) = (counted, None);
    Ok(())
}
