//! What a caller has used, for whoever asks.

use super::super::context::ChatContext;
use super::super::{ModelUsage, StoreResult};
use super::Allowance;
use base::domain::Caller;

/// What a caller has used, and what is left of its limits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UsageReport {
    /// Empty without limits.
    pub allowance: Allowance,
    /// The newest day first, then by model.
    pub usage: Vec<ModelUsage>,
}

pub(crate) async fn report(
    chat: &ChatContext,
    caller: &Caller,
    days: u32,
) -> StoreResult<UsageReport> {
    let limits = caller.limits.or(&chat.settings.caller_limits);
    let used = chat.store.used(&caller.owner, &limits).await?;
    let usage = chat.store.usage(&caller.owner, days).await?;
    Ok(UsageReport { allowance: Allowance::new(&limits, &used), usage })
}
