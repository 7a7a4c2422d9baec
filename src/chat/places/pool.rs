//! Who may have how many places. No clock of its own, no lock.

use std::collections::HashMap;
use std::time::Duration;

use tokio::time::Instant;

use super::limit::{Interval, LoadState, TurnLimit};
use base::domain::Owner;

/// Of so many places the last one is for callers who have less than their share.
const KEPT: usize = 8;

/// How long a caller who was turned away is expected to come again, and how many are remembered.
const REMEMBERED: Duration = Duration::from_secs(10);
const MOST_REMEMBERED: usize = 1_000;

#[derive(Debug)]
pub(super) struct Pool {
    limit: TurnLimit,
    /// What the operator allows, running and waiting.
    most: usize,
    taken: usize,
    /// The most that were taken at the same time since the limit was adapted.
    most_taken: usize,
    /// How many each caller has.
    of: HashMap<Owner, usize>,
    /// Callers without a place who were turned away, and when.
    turned_away: HashMap<Owner, Instant>,
}

impl Pool {
    pub(super) fn new(most: usize) -> Self {
        let (of, turned_away) = (HashMap::new(), HashMap::new());
        Self { limit: TurnLimit::new(most), most, taken: 0, most_taken: 0, of, turned_away }
    }

    pub(super) const fn limit(&self) -> &TurnLimit {
        &self.limit
    }

    pub(super) fn has_room_for(&self, owner: &Owner) -> bool {
        self.taken < self.share(owner, self.limit.now())
    }

    /// Whether one more may wait behind so many.
    pub(super) fn may_wait(&self, owner: &Owner, before: usize) -> bool {
        let is_light = self.limit.state() == LoadState::Light;
        is_light && self.taken + before < self.share(owner, self.most)
    }

    pub(super) fn give(&mut self, owner: &Owner) {
        self.taken += 1;
        self.most_taken = self.most_taken.max(self.taken);
        self.turned_away.remove(owner);
        *self.of.entry(owner.clone()).or_default() += 1;
    }

    pub(super) fn take_back(&mut self, owner: &Owner) {
        self.taken -= 1;
        if let Some(count) = self.of.get_mut(owner) {
            *count -= 1;
            if *count == 0 {
                self.of.remove(owner);
            }
        }
    }

    pub(super) fn turn_away(&mut self, owner: &Owner) {
        if !self.of.contains_key(owner) && self.turned_away.len() < MOST_REMEMBERED {
            self.turned_away.insert(owner.clone(), Instant::now());
        }
    }

    pub(super) fn adapt(&mut self, shortest_wait: Duration) {
        self.turned_away.retain(|_, at| at.elapsed() < REMEMBERED);
        self.limit.follow(Interval { shortest_wait, most_running: self.most_taken });
        self.most_taken = self.taken;
    }

    /// Of so many, those that this caller may fill: the last ones are for those who have less than
    /// their share, or whoever asks most would get all that become free.
    fn share(&self, owner: &Owner, all: usize) -> usize {
        let has = self.of.get(owner).copied().unwrap_or_default();
        let callers = self.of.len() + self.turned_away.len();
        let is_modest = has * callers < all;
        if is_modest { all } else { all - all.div_ceil(KEPT) }
    }
}
