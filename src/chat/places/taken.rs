//! Places for turns: taken, given back, and waited for.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::{Instant, timeout};

use super::limit::{Interval, LoadState, TurnLimit};
use super::line::FairLine;
use super::overload::Overload;
use base::domain::Owner;

/// How often the limit is adapted.
const EVERY: Duration = Duration::from_millis(250);

/// How long a request waits for a place, while the limit rises.
const PATIENCE: Duration = Duration::from_secs(2);

/// Of so many places the last one is for callers who have less than their share.
const KEPT: usize = 8;

/// How long a caller who was turned away is expected to come again, and how many are remembered.
const REMEMBERED: Duration = Duration::from_secs(10);
const MOST_REMEMBERED: usize = 1_000;

/// The places for turns of this process.
#[derive(Debug)]
pub(crate) struct Places(Mutex<State>);

#[derive(Debug)]
struct State {
    limit: TurnLimit,
    /// What the operator allows, running and waiting.
    most: usize,
    taken: usize,
    /// How many each caller has.
    of: HashMap<Owner, usize>,
    /// Callers without a place who were turned away, and when.
    turned_away: HashMap<Owner, Instant>,
    line: FairLine<oneshot::Sender<Place>>,
    overload: Overload,
    since: Instant,
    /// What was seen since then.
    shortest_wait: Duration,
    most_taken: usize,
}

/// A place of a turn, until it is dropped.
#[derive(Debug)]
#[must_use = "a place that is dropped is free again"]
pub(crate) struct Place {
    places: Arc<Places>,
    owner: Owner,
}

/// Places that were given to requests in the line. Sent without the lock: a request that has gone
/// gives its place back, which takes the lock.
type Given = Vec<(oneshot::Sender<Place>, Place)>;

impl Places {
    pub(crate) fn new(most: usize) -> Arc<Self> {
        Arc::new(Self(Mutex::new(State {
            limit: TurnLimit::new(most),
            most,
            taken: 0,
            of: HashMap::new(),
            turned_away: HashMap::new(),
            line: FairLine::default(),
            overload: Overload::default(),
            since: Instant::now(),
            shortest_wait: Duration::MAX,
            most_taken: 0,
        })))
    }

    /// Takes a place, or waits a moment for one while the limit rises. `None` if the process has as
    /// much to do as it can.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves the line.
    pub(crate) async fn take(self: &Arc<Self>, owner: &Owner) -> Option<Place> {
        let waiting = {
            let mut state = self.lock();
            // Whoever is in the line has come before, unless its share is used up.
            if !state.line.has_any(|owner| state.has_room_for(owner)) && state.has_room_for(owner) {
                return Some(state.take(self, owner.clone()));
            }
            state.wait(owner)
        };
        let place = match waiting {
            Some(waiting) => timeout(PATIENCE, waiting).await.ok().and_then(Result::ok),
            None => None,
        };
        if place.is_none() {
            self.lock().refuse(owner);
        }
        place
    }

    /// Notes how long a piece of work that was ready has waited for the processor. Now and then the
    /// wait for the store is asked for too, and the limit adapted.
    pub(crate) fn waited(self: &Arc<Self>, lag: Duration, for_store: impl FnOnce() -> Duration) {
        let given = {
            let mut state = self.lock();
            state.shortest_wait = state.shortest_wait.min(lag);
            if state.since.elapsed() < EVERY {
                return;
            }
            state.shortest_wait = state.shortest_wait.max(for_store());
            state.adapt();
            state.serve(self)
        };
        hand_out(given);
    }

    fn leave(self: &Arc<Self>, owner: &Owner) {
        let given = {
            let mut state = self.lock();
            state.taken -= 1;
            if let Some(count) = state.of.get_mut(owner) {
                *count -= 1;
                if *count == 0 {
                    state.of.remove(owner);
                }
            }
            state.serve(self)
        };
        hand_out(given);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// The last places, and the last of the line, are for those who have less than their share:
    /// whoever asks most would get all that become free.
    fn share(&self, owner: &Owner, all: usize) -> usize {
        let has = self.of.get(owner).copied().unwrap_or_default();
        let callers = self.of.len() + self.turned_away.len();
        let is_modest = has * callers < all;
        if is_modest { all } else { all - all.div_ceil(KEPT) }
    }

    fn has_room_for(&self, owner: &Owner) -> bool {
        self.taken < self.share(owner, self.limit.now())
    }

    fn may_wait(&self, owner: &Owner) -> bool {
        let is_light = self.limit.state() == LoadState::Light;
        is_light && self.taken + self.line.len() < self.share(owner, self.most)
    }

    fn wait(&mut self, owner: &Owner) -> Option<oneshot::Receiver<Place>> {
        if !self.may_wait(owner) {
            self.line.keep(|waiting| !waiting.is_closed());
        }
        let (give, given) = oneshot::channel();
        self.may_wait(owner).then(|| self.line.join(owner, give))?;
        Some(given)
    }

    fn take(&mut self, places: &Arc<Places>, owner: Owner) -> Place {
        self.taken += 1;
        self.most_taken = self.most_taken.max(self.taken);
        self.turned_away.remove(&owner);
        *self.of.entry(owner.clone()).or_default() += 1;
        Place { places: Arc::clone(places), owner }
    }

    fn refuse(&mut self, owner: &Owner) {
        self.overload.refused += 1;
        if !self.of.contains_key(owner) && self.turned_away.len() < MOST_REMEMBERED {
            self.turned_away.insert(owner.clone(), Instant::now());
        }
    }

    fn adapt(&mut self) {
        self.turned_away.retain(|_, at| at.elapsed() < REMEMBERED);
        let interval =
            Interval { shortest_wait: self.shortest_wait, most_running: self.most_taken };
        self.limit.follow(interval);
        (self.since, self.shortest_wait) = (Instant::now(), Duration::MAX);
        self.most_taken = self.taken;
        self.overload.tell(self.limit.now());
        if self.limit.state() == LoadState::Over {
            // Nobody waits for what will not come: whoever is dropped here is refused at once.
            self.line = FairLine::default();
        }
    }

    /// Gives free places to those who wait.
    fn serve(&mut self, places: &Arc<Places>) -> Given {
        let mut given = Vec::new();
        while self.taken < self.limit.now() {
            let mut line = std::mem::take(&mut self.line);
            let next = line.pop(|owner| self.has_room_for(owner));
            self.line = line;
            let Some((owner, waiting)) = next else { break };
            if !waiting.is_closed() {
                given.push((waiting, self.take(places, owner)));
            }
        }
        given
    }
}

fn hand_out(given: Given) {
    for (waiting, place) in given {
        // A request that has gone meanwhile drops its place, which serves the next one.
        drop(waiting.send(place));
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.places.leave(&self.owner);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{EVERY, Place, Places};
    use base::domain::Owner;
    use futures::future::join_all;
    use tokio::time::{advance, sleep};

    const LATE: Duration = Duration::from_millis(400);

    fn owner(name: &str) -> Owner {
        Owner::named(name)
    }

    /// Two intervals in which everything came late.
    async fn overload(places: &std::sync::Arc<Places>) {
        for _ in 0..3 {
            advance(EVERY).await;
            places.waited(LATE, || Duration::ZERO);
        }
    }

    async fn take_all(places: &std::sync::Arc<Places>, name: &str) -> Vec<Place> {
        let mut taken = Vec::new();
        while let Some(place) = places.take(&owner(name)).await {
            taken.push(place);
        }
        taken
    }

    #[tokio::test(start_paused = true)]
    async fn the_operators_limit_holds_and_a_place_that_is_dropped_is_free() {
        let places = Places::new(3);
        let mut taken = take_all(&places, "a").await;
        assert_eq!(taken.len(), 3);
        taken.pop();
        assert!(places.take(&owner("a")).await.is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn under_overload_a_request_is_turned_away_at_once() {
        let places = Places::new(1_000);
        overload(&places).await;
        let taken = take_all(&places, "a").await;
        let begun = tokio::time::Instant::now();
        assert!(places.take(&owner("a")).await.is_none());
        assert_eq!(begun.elapsed(), Duration::ZERO);
        assert!((1..100).contains(&taken.len()), "{}", taken.len());
    }

    #[tokio::test(start_paused = true)]
    async fn a_burst_waits_while_the_limit_rises() {
        let places = Places::new(1_000);
        let clock = async {
            loop {
                sleep(EVERY).await;
                places.waited(Duration::ZERO, || Duration::ZERO);
            }
        };
        let owner = owner("a");
        let burst = join_all((0..1_000).map(|_| places.take(&owner)));
        let taken = tokio::select! {
            never = clock => never,
            taken = burst => taken,
        };
        assert!(taken.iter().all(Option::is_some));
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_asks_most_leaves_a_place_for_others() {
        let places = Places::new(8);
        overload(&places).await;
        let mut many = take_all(&places, "many").await;
        assert!(places.take(&owner("few")).await.is_none());
        many.pop();
        assert!(places.take(&owner("many")).await.is_none());
        assert!(places.take(&owner("few")).await.is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_asks_most_starves_nobody_while_nothing_waits_either() {
        let places = Places::new(8);
        let few = owner("few");
        let held = places.take(&few).await;
        let mut many = take_all(&places, "many").await;
        let place = places.take(&few).await;
        assert!(place.is_some(), "one is kept");
        drop((held, place));
        many.pop();
        let asks_again = owner("many");
        let mut asking = Box::pin(places.take(&asks_again));
        drop(futures::poll!(&mut asking));
        assert!(places.take(&few).await.is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn who_leaves_the_line_takes_no_place() {
        let places = Places::new(1_000);
        let (first, second) = (owner("a"), owner("b"));
        let mut taken = Vec::new();
        for _ in 0..256 {
            taken.push(places.take(&first).await);
        }
        let mut gone = Box::pin(places.take(&first));
        let mut waiting = Box::pin(places.take(&second));
        assert!(futures::poll!(&mut gone).is_pending());
        assert!(futures::poll!(&mut waiting).is_pending());
        drop(gone);
        taken.pop();
        assert!(waiting.await.is_some());
    }
}
