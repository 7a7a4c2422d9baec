//! What a caller may use (ADR 30): a turn is counted before it begins, or refused.

mod counted;
mod here;
mod refusals;
mod report;
mod shares;

use super::context::ChatContext;
use super::{
    BeginError, Count, Held, NewTurn, RepeatDecision, RepeatMoment, RepeatedRequest,
    RequestContext, StoreResult, Used, decide,
};
use base::domain::{CallerLimits, ThreadId};

pub(super) use counted::CountedTurn;
pub(super) use here::CountHere;
pub(super) use refusals::Refusals;
pub use report::UsageReport;
pub(super) use report::report;
pub use shares::{Allowance, Policy, Share};

/// A turn waits at most twice as long as it may run. The rest is for tool servers and for its end.
const LONGEST: u32 = 4;

/// So many requests of a caller at its limit are looked for at the same time: one of them may be a
/// copy. The store's connections are for those who may begin.
const LOOKED_FOR: u64 = 8;

/// A turn that may begin.
pub(super) struct Allowed {
    /// The id of this try.
    pub(super) attempt: String,
    /// Taken back unless the turn begins; `None` if turns are not counted.
    pub(super) counted: Option<CountedTurn>,
    /// What a copy beyond a limit is counted with if it begins work after all.
    pub(super) due: Option<NewTurn>,
    /// `None` if the caller has no limits.
    pub(super) allowance: Option<Allowance>,
}

/// Counts a turn against the limits of its caller, in one round trip; in none without limits.
pub(super) async fn allow(
    chat: &ChatContext,
    context: &RequestContext,
    thread: &ThreadId,
) -> Result<Allowed, BeginError> {
    let attempt = uuid::Uuid::now_v7().simple().to_string();
    // Limits come with the credential; what is counted belongs to the owner.
    let limits = context.caller.limits.or(&chat.settings.caller_limits);
    if limits.are_none() {
        return Ok(Allowed { attempt, counted: None, due: None, allowance: None });
    }
    let (turn, owner) = (attempt.clone(), context.caller.owner.clone());
    let (thread, longest) = (thread.clone(), chat.settings.turn_timeout * LONGEST);
    let turn = NewTurn { turn, owner, thread, longest, limits };
    let refusal = match count(chat, &turn).await? {
        Ok((counted, allowance)) => {
            return Ok(Allowed { attempt, counted, due: None, allowance: Some(allowance) });
        }
        Err(refusal) => refusal,
    };
    let looking = chat.looked_for.add(&context.caller.owner, LOOKED_FOR);
    if looking.is_some() && is_answered(chat, context).await {
        return Ok(Allowed { attempt, counted: None, due: Some(turn), allowance: Some(refusal) });
    }
    Err(BeginError::OverLimit(refusal))
}

/// What is left with the turn, or why it may not begin.
pub(super) async fn count(
    chat: &ChatContext,
    turn: &NewTurn,
) -> StoreResult<Result<(Option<CountedTurn>, Allowance), Allowance>> {
    let limits = &turn.limits;
    if let Some(known) = chat.refusals.find(&turn.owner, limits) {
        return Ok(Err(known));
    }
    let mut counted = None;
    if limits.count_turns() {
        let most = limits.turns_at_once.unwrap_or(u64::MAX);
        let Some(here) = chat.turns_here.add(&turn.owner, most) else {
            return Ok(Err(full(most)));
        };
        // Before it is counted: this future may be dropped while the store answers.
        counted = Some(CountedTurn::new(&chat.store, turn, here));
    }
    let Count { used, is_within } = chat.store.count(turn).await?;
    let allowance = Allowance::new(limits, &used);
    if is_within {
        return Ok(Ok((counted, allowance)));
    }
    if let Some(nothing) = &mut counted {
        nothing.keep();
    }
    chat.refusals.note(&turn.owner, limits, &allowance);
    Ok(Err(allowance))
}

/// As many turns as allowed run in this process. What else is used is not known here.
fn full(turns_at_once: u64) -> Allowance {
    let turns = Some(turns_at_once);
    let limits = CallerLimits { turns_at_once: turns, ..CallerLimits::default() };
    Allowance::new(&limits, &Used { turns_at_once, ..Used::default() })
}

/// Whether the request is a copy that begins no work: its answer is stored, or it is refused.
async fn is_answered(chat: &ChatContext, context: &RequestContext) -> bool {
    let Some(repeat) = &context.repeat else { return false };
    let Ok(Some(earlier)) = chat.store.received(&repeat.key).await else { return false };
    let copy = RepeatedRequest { repeat, earlier: &earlier, moment: RepeatMoment::Arrival };
    match decide(copy) {
        RepeatDecision::Replay | RepeatDecision::Refuse => true,
        // It runs on another replica: its copy waits for its answer.
        RepeatDecision::GoOn => earlier.end.is_none() && earlier.held == Held::Now,
        RepeatDecision::Begin => false,
    }
}
