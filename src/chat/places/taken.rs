//! Places for turns: taken, given back, and waited for.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::{Instant, timeout};

use super::limit::LoadState;
use super::line::FairLine;
use super::overload::Overload;
use super::pool::Pool;
use base::domain::Owner;

/// How often the limit is adapted.
const EVERY: Duration = Duration::from_millis(250);

/// How long a request waits for a place, while the limit rises.
const PATIENCE: Duration = Duration::from_secs(2);

/// The places for turns of this process.
#[derive(Debug)]
pub(crate) struct Places(Mutex<State>);

#[derive(Debug)]
struct State {
    pool: Pool,
    line: FairLine<oneshot::Sender<Place>>,
    overload: Overload,
    /// When the limit was adapted, and the shortest wait since.
    since: Instant,
    shortest_wait: Duration,
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
            pool: Pool::new(most),
            line: FairLine::default(),
            overload: Overload::default(),
            since: Instant::now(),
            shortest_wait: Duration::MAX,
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
            if state.is_next(owner) {
                return Some(state.give(self, owner.clone()));
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
            state.adapt(for_store());
            state.serve(self)
        };
        hand_out(given);
    }

    fn leave(self: &Arc<Self>, owner: &Owner) {
        let given = {
            let mut state = self.lock();
            state.pool.take_back(owner);
            state.serve(self)
        };
        hand_out(given);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Whether there is a place, and nobody in the line who has come before and may have it.
    fn is_next(&self, owner: &Owner) -> bool {
        let has_room = |owner: &Owner| self.pool.has_room_for(owner);
        has_room(owner) && !self.line.has_any(has_room)
    }

    fn wait(&mut self, owner: &Owner) -> Option<oneshot::Receiver<Place>> {
        if !self.pool.may_wait(owner, self.line.len()) {
            self.line.keep(|waiting| !waiting.is_closed());
        }
        let (give, given) = oneshot::channel();
        self.pool.may_wait(owner, self.line.len()).then(|| self.line.join(owner, give))?;
        Some(given)
    }

    fn give(&mut self, places: &Arc<Places>, owner: Owner) -> Place {
        self.pool.give(&owner);
        Place { places: Arc::clone(places), owner }
    }

    fn refuse(&mut self, owner: &Owner) {
        self.overload.refused += 1;
        self.pool.turn_away(owner);
    }

    fn adapt(&mut self, wait_for_store: Duration) {
        self.pool.adapt(self.shortest_wait.max(wait_for_store));
        (self.since, self.shortest_wait) = (Instant::now(), Duration::MAX);
        let limit = self.pool.limit();
        self.overload.tell(limit.now());
        if limit.state() == LoadState::Over {
            // Nobody waits for what will not come: whoever is dropped here is refused at once.
            self.line = FairLine::default();
        }
    }

    /// Gives free places to those who wait.
    fn serve(&mut self, places: &Arc<Places>) -> Given {
        let mut given = Vec::new();
        while let Some((owner, waiting)) = self.line.pop(|owner| self.pool.has_room_for(owner)) {
            if !waiting.is_closed() {
                given.push((waiting, self.give(places, owner)));
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
mod threads;

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
