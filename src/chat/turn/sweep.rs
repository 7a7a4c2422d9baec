//! The clock of a core's turns: drops readers that do not read, and moves turns that are not
//! polled. It also measures how late the core is.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::super::Store;
use super::super::places::Places;
use super::engine::Engine;
use super::log::TurnLog;

/// One clock for all turns of a core. A timer that fires before all others wakes the runtime when
/// it is set; a timer for each turn would do that every time (ADR 25).
const EVERY: Duration = Duration::from_millis(250);

/// In looks, 30 s: a reader that takes nothing for so long is dropped (ADR 24).
const PATIENCE: u32 = 120;

/// In looks, 10 s: how long the clock continues without turns.
const LINGERS: u32 = 40;

pub(crate) struct Sweep {
    turns: Mutex<Turns>,
    places: Arc<Places>,
    store: Arc<dyn Store>,
}

#[derive(Debug, Default)]
struct Turns {
    /// Weak: the clock keeps no turn alive.
    all: Vec<(Weak<TurnLog>, Weak<Engine>)>,
    is_running: bool,
    /// For how many looks in a row there were none.
    idle_for: u32,
}

impl Sweep {
    pub(crate) fn new(places: &Arc<Places>, store: &Arc<dyn Store>) -> Self {
        let (places, store) = (Arc::clone(places), Arc::clone(store));
        Self { turns: Mutex::default(), places, store }
    }

    /// Checks this turn too, until its log is gone.
    pub(crate) fn watch(self: &Arc<Self>, log: &Arc<TurnLog>, engine: &Arc<Engine>) {
        let mut turns = self.lock();
        turns.all.push((Arc::downgrade(log), Arc::downgrade(engine)));
        if !std::mem::replace(&mut turns.is_running, true) {
            // On the core of its turns: a clock on another one would wake this thread (ADR 25).
            drop(tokio::spawn(Arc::clone(self).run()));
        }
    }

    /// Ends when there were no turns for a while.
    async fn run(self: Arc<Self>) {
        loop {
            let due = Instant::now() + EVERY;
            sleep_until(due).await;
            // As late as this task comes, every other one does that was ready (ADR 35).
            self.places.waited(due.elapsed(), || self.store.shortest_wait());
            for (log, engine) in self.turns() {
                if let Some(engine) = engine.upgrade() {
                    engine.look();
                }
                log.look(PATIENCE);
            }
            if self.is_over() {
                return;
            }
        }
    }

    fn turns(&self) -> Vec<(Arc<TurnLog>, Weak<Engine>)> {
        let turns = self.lock();
        let living =
            turns.all.iter().filter_map(|(log, engine)| Some((log.upgrade()?, engine.clone())));
        living.collect()
    }

    fn is_over(&self) -> bool {
        let mut turns = self.lock();
        turns.all.retain(|(log, _)| log.strong_count() > 0);
        turns.idle_for = if turns.all.is_empty() { turns.idle_for + 1 } else { 0 };
        turns.is_running = turns.idle_for < LINGERS;
        !turns.is_running
    }

    fn lock(&self) -> MutexGuard<'_, Turns> {
        self.turns.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
