//! What owners have used, and the turns of those who have limits, in memory (ADR 30).

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

use base::domain::{Cost, Owner, ThreadId};
use chat::{Allowance, Charge, Count, LEASE, ModelUsage, NewTurn, USAGE_DAYS, Used};

/// Beyond this, a new row replaces one of the oldest day.
const MAX_ROWS: usize = 10_000;

/// Beyond this, owners whose turns count no more are forgotten.
const MAX_OWNERS: usize = 10_000;

const MINUTE: Duration = Duration::from_mins(1);
const DAY_MS: i64 = 86_400_000;

#[derive(Debug, Default)]
pub(super) struct UsageBook {
    /// By day, owner and model.
    rows: BTreeMap<(i64, String, String), ModelUsage>,
    /// By owner, in the order in which they began.
    turns: HashMap<String, Vec<KeptTurn>>,
}

#[derive(Debug)]
struct KeptTurn {
    turn: String,
    thread: String,
    begun: Instant,
    /// `None` once it is over.
    until: Option<Instant>,
}

impl KeptTurn {
    fn is_of_minute(&self) -> bool {
        self.begun.elapsed() < MINUTE
    }

    /// A turn is about to take its lease for as long as one lasts; later the lease must be held.
    fn is_running(&self, is_held: &impl Fn(&str) -> bool) -> bool {
        self.until.is_some_and(|until| until > Instant::now())
            && (self.begun.elapsed() < LEASE || is_held(&self.thread))
    }

    fn counts(&self) -> bool {
        self.is_of_minute() || self.until.is_some_and(|until| until > Instant::now())
    }
}

impl UsageBook {
    pub(super) fn count(&mut self, new: &NewTurn, is_held: impl Fn(&str) -> bool) -> Count {
        let per_minute = new.limits.turns_per_minute;
        let others = self.used(&new.owner, per_minute, &is_held);
        let mut known = self.turns.get(new.owner.as_str()).into_iter().flatten();
        if known.any(|kept| kept.turn == new.turn) {
            return Count { used: others, is_within: true };
        }
        let is_within = Allowance::new(&new.limits, &others).has_room();
        if is_within && new.limits.count_turns() {
            if self.turns.len() >= MAX_OWNERS {
                self.turns.retain(|_, turns| turns.iter().any(KeptTurn::counts));
            }
            let turns = self.turns.entry(new.owner.as_str().to_owned()).or_default();
            turns.retain(KeptTurn::counts);
            let begun = Instant::now();
            let (turn, thread) = (new.turn.clone(), new.thread.as_str().to_owned());
            turns.push(KeptTurn { turn, thread, begun, until: Some(begun + new.longest) });
        }
        Count { used: self.used(&new.owner, per_minute, &is_held), is_within }
    }

    pub(super) fn uncount(&mut self, turn: &str) {
        self.turns.values_mut().for_each(|turns| turns.retain(|kept| kept.turn != turn));
    }

    pub(super) fn count_in(&mut self, turn: &str, thread: &ThreadId) {
        let turns = self.turns.values_mut().flatten().filter(|kept| kept.turn == turn);
        turns.for_each(|kept| thread.as_str().clone_into(&mut kept.thread));
    }

    pub(super) fn used(
        &self,
        owner: &Owner,
        per_minute: Option<u64>,
        is_held: &impl Fn(&str) -> bool,
    ) -> Used {
        let turns = self.turns.get(owner.as_str()).map_or([].as_slice(), Vec::as_slice);
        let of_minute: Vec<_> = turns.iter().filter(|turn| turn.is_of_minute()).collect();
        // The one whose end makes room under the limit.
        let limit = per_minute.map_or(1, |limit| usize::try_from(limit).unwrap_or(usize::MAX));
        let oldest = of_minute.get(of_minute.len().saturating_sub(limit));
        let frees_in = oldest.map(|turn| MINUTE.saturating_sub(turn.begun.elapsed()));
        let at_once = turns.iter().filter(|turn| turn.is_running(is_held)).count();
        let now = Timestamp::now().as_millisecond();
        let today = self.of_day(owner, now.div_euclid(DAY_MS));
        let (tokens, cost) = today.fold((0, Cost::default()), |(tokens, cost), row| {
            let of_row = row.usage.total().saturating_add(row.estimate.tokens);
            (of_row.saturating_add(tokens), cost + row.cost + row.estimate.cost)
        });
        Used {
            turns_of_minute: of_minute.len() as u64,
            minute_frees_in: frees_in.unwrap_or_default(),
            turns_at_once: at_once as u64,
            tokens_today: tokens,
            cost_today: cost,
            day_ends_in: Duration::from_millis((DAY_MS - now.rem_euclid(DAY_MS)).unsigned_abs()),
        }
    }

    pub(super) fn charge(&mut self, owner: &Owner, charge: &Charge) {
        let today = today();
        for more in charge.rows(today) {
            let key = (today, owner.as_str().to_owned(), more.model.clone());
            match self.rows.get_mut(&key) {
                Some(row) => add(row, &more),
                None => drop(self.rows.insert(key, more)),
            }
        }
        let last = today - i64::from(USAGE_DAYS);
        let is_old = |rows: &BTreeMap<(i64, String, String), ModelUsage>| {
            rows.first_key_value().is_some_and(|((day, ..), _)| *day <= last)
        };
        while self.rows.len() > MAX_ROWS || is_old(&self.rows) {
            self.rows.pop_first();
        }
        self.end(owner, &charge.turn);
    }

    pub(super) fn usage(&self, owner: &Owner, days: u32) -> Vec<ModelUsage> {
        let today = today();
        let days = (0..i64::from(days.min(USAGE_DAYS))).map(|ago| today - ago);
        days.flat_map(|day| self.of_day(owner, day).cloned().collect::<Vec<_>>()).collect()
    }

    fn of_day(&self, owner: &Owner, day: i64) -> impl Iterator<Item = &ModelUsage> {
        let first = (day, owner.as_str().to_owned(), String::new());
        let rows = self.rows.range(first.clone()..);
        let is_of = move |key: &(i64, String, String)| (key.0, &key.1) == (day, &first.1);
        rows.take_while(move |(key, _)| is_of(key)).map(|(_, row)| row)
    }

    fn end(&mut self, owner: &Owner, turn: &str) {
        let turns = self.turns.get_mut(owner.as_str()).into_iter().flatten();
        turns.filter(|kept| kept.turn == turn).for_each(|kept| kept.until = None);
    }
}

fn today() -> i64 {
    Timestamp::now().as_millisecond().div_euclid(DAY_MS)
}

fn add(row: &mut ModelUsage, more: &ModelUsage) {
    row.turns = row.turns.saturating_add(more.turns);
    row.requests = row.requests.saturating_add(more.requests);
    row.usage += more.usage;
    row.cost = row.cost + more.cost;
    row.unpriced_calls = row.unpriced_calls.saturating_add(more.unpriced_calls);
    row.estimate += more.estimate;
}
