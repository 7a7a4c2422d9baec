//! Counts a copy that was let past a limit of its caller, once it begins work (ADR 30).

use super::super::BeginError;
use super::super::allowance::count;
use super::super::context::ChatContext;
use super::super::request::job::TurnJob;

/// It was to be answered with what is stored. Now the turn that it waited for has broken off, or what was
/// stored is gone, and it is a turn like any other.
pub(super) async fn count_due(chat: &ChatContext, job: &mut TurnJob) -> Result<(), BeginError> {
    let Some(turn) = &mut job.due else { return Ok(()) };
    turn.thread = job.thread.clone();
    let (counted, _) = count(chat, turn).await?.map_err(BeginError::OverLimit)?;
    (job.counted, job.due) = (counted, None);
    Ok(())
}
