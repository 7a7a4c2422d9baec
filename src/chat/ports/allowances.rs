//! What owners have used, and the turns of those who have limits (ADR 30).

use std::time::Duration;

use futures::future::BoxFuture;

use super::StoreResult;
use base::domain::{
    CallerLimits, Cost, Estimate, ModelSpend, Owner, SpendByModel, ThreadId, Usage,
};

/// For so many days, today included, it is known what an owner has used.
pub const USAGE_DAYS: u32 = 92;

/// The use of the server by each owner. Days are those of the store's clock, in UTC.
pub trait Allowances: Send + Sync {
    /// Counts a turn that is about to begin, unless a limit of it is reached. Exact, also when
    /// many begin at the same time; in one round trip.
    fn count<'a>(&'a self, turn: &'a NewTurn) -> BoxFuture<'a, StoreResult<Count>>;

    /// Takes back a turn that was counted and did not begin.
    fn uncount<'a>(&'a self, turn: &'a str) -> BoxFuture<'a, StoreResult<()>>;

    /// A turn that was counted runs in another thread than it was counted for.
    fn count_in<'a>(
        &'a self,
        turn: &'a str,
        thread: &'a ThreadId,
    ) -> BoxFuture<'a, StoreResult<()>>;

    /// Adds what could not be written with the end of its turn, unless it was.
    fn charge<'a>(
        &'a self,
        owner: &'a Owner,
        thread: &'a ThreadId,
        charge: &'a Charge,
    ) -> BoxFuture<'a, StoreResult<()>>;

    /// What counts against these limits now.
    fn used<'a>(
        &'a self,
        owner: &'a Owner,
        limits: &'a CallerLimits,
    ) -> BoxFuture<'a, StoreResult<Used>>;

    /// What was used on the last days, the newest first, then by model.
    fn usage<'a>(
        &'a self,
        owner: &'a Owner,
        days: u32,
    ) -> BoxFuture<'a, StoreResult<Vec<ModelUsage>>>;
}

/// A turn that is about to begin.
#[derive(Clone, Debug)]
pub struct NewTurn {
    pub turn: String,
    pub owner: Owner,
    /// Its lease shows that the turn runs.
    pub thread: ThreadId,
    /// It is over after this time.
    pub longest: Duration,
    pub limits: CallerLimits,
}

/// What an owner has used of what can be limited.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Used {
    /// Turns that began in the last minute.
    pub turns_of_minute: u64,
    /// When fewer of them count: at the limit, when one more may begin.
    pub minute_frees_in: Duration,
    /// Turns that run or wait.
    pub turns_at_once: u64,
    /// Read and written today, with what is estimated.
    pub tokens_today: u64,
    /// The known part of today's cost, with what is estimated.
    pub cost_today: Cost,
    pub day_ends_in: Duration,
}

/// The result of [`Allowances::count`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Count {
    /// With the turn, if it was counted.
    pub used: Used,
    /// False if a limit is reached: then the turn was not counted.
    pub is_within: bool,
}

/// What a turn adds to the use of its owner: once, however often it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Charge {
    /// The try, or what stands for its title.
    pub turn: String,
    /// 1, or 0 for a title.
    pub turns: u64,
    pub spends: SpendByModel,
}

/// What an owner used of one model on one day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelUsage {
    /// Days since 1970-01-01.
    pub day: i64,
    /// Empty if no model was asked, or if it is not known which.
    pub model: String,
    /// Those whose last request was to this model.
    pub turns: u64,
    pub requests: u64,
    pub usage: Usage,
    /// The part that is known.
    pub cost: Cost,
    /// Requests of unknown cost.
    pub unpriced_calls: u64,
    /// What their providers have not told. Counts for limits only.
    pub estimate: Estimate,
}

impl Charge {
    /// What it adds for each model. The turn counts with the model that was asked last.
    pub fn rows(&self, day: i64) -> Vec<ModelUsage> {
        let row = |one: &ModelSpend| ModelUsage {
            day,
            model: one.model.to_string(),
            turns: 0,
            requests: one.requests,
            usage: one.spend.usage,
            cost: one.spend.cost,
            unpriced_calls: one.spend.unpriced_calls,
            estimate: one.estimate,
        };
        let mut rows: Vec<_> = self.spends.models().iter().map(row).collect();
        match rows.last_mut() {
            Some(last) => last.turns = self.turns,
            None if self.turns > 0 => {
                let turns = self.turns;
                rows.push(ModelUsage { turns, ..row(&ModelSpend::default()) });
            }
            None => {}
        }
        rows
    }
}
