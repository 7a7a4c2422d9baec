//! Looks after the turns of a core now and then, whether or not their readers come.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::time::sleep;

use super::engine::Engine;
use super::log::TurnLog;

/// How often. One clock for all turns of a core: a timer that rings before all others wakes the
/// runtime when it is set, so one of its own for each turn would do so each time. With this one the
/// others do not.
const EVERY: Duration = Duration::from_millis(250);

/// A reader that takes nothing for so many looks, 30 s, is let go.
const PATIENCE: u32 = 120;

/// The clock goes on for so many looks, 10 s, when there are no turns.
const LINGERS: u32 = 40;

/// The turns that are looked after.
#[derive(Debug, Default)]
pub(in crate::chat) struct Sweep(Mutex<Turns>);

#[derive(Debug, Default)]
struct Turns {
    all: Vec<(Weak<TurnLog>, Weak<Engine>)>,
    is_running: bool,
    /// For how many looks there were none.
    idle_for: u32,
}

impl Sweep {
    /// Looks after this one too, until it is gone.
    pub(in crate::chat) fn watch(self: &Arc<Self>, log: &Arc<TurnLog>, engine: &Arc<Engine>) {
        let mut turns = self.lock();
        turns.all.push((Arc::downgrade(log), Arc::downgrade(engine)));
        if !std::mem::replace(&mut turns.is_running, true) {
            drop(tokio::spawn(Arc::clone(self).run()));
        }
    }

    /// Ends by itself when there were no turns for a while.
    async fn run(self: Arc<Self>) {
        loop {
            sleep(EVERY).await;
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
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
