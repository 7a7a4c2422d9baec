//! Refusals that stay true for a moment: whoever asks again and again costs the store nothing.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::Allowance;
use base::domain::{CallerLimits, Owner};

/// A turn that is taken back, on whatever replica, makes room after this time.
const AT_MOST: Duration = Duration::from_secs(1);

/// Beyond this, those that are over are forgotten first, then all.
const MAX_OWNERS: usize = 10_000;

/// The last refusal of each owner, as long as only time can change it.
#[derive(Debug, Default)]
pub(crate) struct Refusals(Mutex<HashMap<Owner, Refusal>>);

#[derive(Debug)]
struct Refusal {
    limits: CallerLimits,
    allowance: Allowance,
    at: Instant,
    until: Instant,
}

impl Refusals {
    /// The refusal that still holds for these limits.
    pub(super) fn find(&self, owner: &Owner, limits: &CallerLimits) -> Option<Allowance> {
        let all = self.lock();
        let refusal = all.get(owner).filter(|known| known.limits == *limits)?;
        let now = Instant::now();
        (now < refusal.until).then(|| refusal.allowance.after(now - refusal.at))
    }

    /// A limit of turns at once may have room at any moment, so its refusal is not kept.
    pub(super) fn note(&self, owner: &Owner, limits: &CallerLimits, allowance: &Allowance) {
        let waits = allowance.used_up().filter_map(|share| share.resets_in);
        let Some(wait) = waits.max() else { return };
        let mut all = self.lock();
        let at = Instant::now();
        if all.len() >= MAX_OWNERS {
            all.retain(|_, refusal| refusal.until > at);
        }
        if all.len() >= MAX_OWNERS {
            all.clear();
        }
        let (limits, allowance, until) = (*limits, allowance.clone(), at + wait.min(AT_MOST));
        all.insert(owner.clone(), Refusal { limits, allowance, at, until });
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Owner, Refusal>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Used;

    fn refused(limits: &CallerLimits) -> Allowance {
        let (turns_of_minute, turns_at_once) = (9, 9);
        let minute_frees_in = Duration::from_secs(30);
        let used = Used { turns_of_minute, minute_frees_in, turns_at_once, ..Used::default() };
        Allowance::new(limits, &used)
    }

    #[tokio::test(start_paused = true)]
    async fn a_refusal_holds_for_a_moment_and_for_its_own_limits() {
        let (refusals, owner) = (Refusals::default(), Owner::anyone());
        let limits = CallerLimits { turns_per_minute: Some(1), ..CallerLimits::default() };
        refusals.note(&owner, &limits, &refused(&limits));

        tokio::time::advance(AT_MOST / 2).await;
        let held = refusals.find(&owner, &limits).unwrap();
        assert_eq!(held.retry_in() + AT_MOST / 2, Duration::from_secs(30));
        let more = CallerLimits { turns_per_minute: Some(10), ..CallerLimits::default() };
        assert_eq!(refusals.find(&owner, &more), None);
        assert_eq!(refusals.find(&Owner::user("", "ada").unwrap(), &limits), None);

        tokio::time::advance(AT_MOST / 2).await;
        assert_eq!(refusals.find(&owner, &limits), None);
    }

    #[tokio::test(start_paused = true)]
    async fn what_the_end_of_a_turn_may_change_is_not_kept() {
        let (refusals, owner) = (Refusals::default(), Owner::anyone());
        let limits = CallerLimits { turns_at_once: Some(1), ..CallerLimits::default() };

        refusals.note(&owner, &limits, &refused(&limits));

        assert_eq!(refusals.find(&owner, &limits), None);
    }
}
