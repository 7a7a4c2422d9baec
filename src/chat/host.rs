//! The host: begins turns, counts them, drains them at the end.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Semaphore, oneshot};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{Instrument, info_span};

use super::audience::Audience;
use super::job::Job;
use super::line::Lines;
use super::repeats::Repeats;
use super::shared::Shared;
use super::{BeginError, Settings, Store, Threads, Turn, TurnRequest};
use crate::agents::{Model, Tools, WithQuestions};
use crate::domain::{ItemId, ThreadId};

/// Turns that were told to stop get so long to say so.
const LAST_WORDS: Duration = Duration::from_secs(3);

/// Holds conversations. Nothing of them lives only here.
pub struct Chat {
    shared: Arc<Shared>,
    places: Arc<Semaphore>,
    running: TaskTracker,
}

impl Chat {
    /// A house without visitors.
    pub fn new(
        store: Arc<dyn Store>,
        model: Arc<dyn Model>,
        tools: Arc<dyn Tools>,
        settings: Settings,
    ) -> Self {
        let places = Arc::new(Semaphore::new(settings.max_turns));
        let shared = Arc::new(Shared {
            store,
            model,
            tools: Arc::new(WithQuestions::new(tools)),
            settings,
            drained: CancellationToken::new(),
            lines: Arc::new(Lines::default()),
            repeats: Repeats::default(),
        });
        Self { shared, places, running: TaskTracker::new() }
    }

    /// Where threads are kept, for those who work on them between turns.
    pub fn threads(&self) -> &dyn Threads {
        &*self.shared.store
    }

    /// The ids of the models that can be chosen, the usual one first.
    pub fn models(&self) -> &[Arc<str>] {
        self.shared.model.choices()
    }

    /// How long the model would refuse a turn, if it would.
    pub fn model_refuses_for(&self) -> Option<Duration> {
        self.shared.model.refuses_for()
    }

    /// How many turns are running.
    pub fn running(&self) -> usize {
        self.running.len()
    }

    /// Keeps what is asked and begins to answer it; returns once that is kept, or waits in line.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future is leaving: the turn is cancelled in order.
    pub async fn begin(&self, request: TurnRequest) -> Result<Turn, BeginError> {
        if self.running.is_closed() {
            return Err(BeginError::Draining);
        }
        let repeat = request.repeat.as_ref();
        if let Some(turn) = repeat.map(|key| self.shared.repeats.join(key)).transpose()?.flatten() {
            return Ok(turn);
        }
        let place = Arc::clone(&self.places).try_acquire_owned().map_err(|_| BeginError::Busy)?;
        let thread = request.thread().cloned().unwrap_or_else(ThreadId::new_thread);
        let (audience, events) = Audience::of_one(repeat.is_some());
        let audience = Arc::new(audience);
        if let Some(key) = repeat {
            self.shared.repeats.note(key, &thread, &audience);
        }
        let (started, has_started) = oneshot::channel();
        let turn = ItemId::new_message();
        let span = info_span!("turn", thread_id = %thread, turn_id = %turn);
        let (started, of) = (Some(started), thread.clone());
        let job = Job { request, thread: of, turn, is_copy: false, audience, place, started };
        let hosting = Arc::clone(&self.shared).host(job).instrument(span);
        drop(self.running.spawn(hosting));
        has_started.await.unwrap_or(Err(BeginError::Broken))?;
        Ok(Turn { thread, events })
    }

    /// Takes no more turns, lets running ones end, and after `patience` tells them to stop.
    pub async fn drain(&self, patience: Duration) {
        self.running.close();
        if tokio::time::timeout(patience, self.running.wait()).await.is_ok() {
            return;
        }
        tracing::warn!(turns = self.running.len(), "Ending turns that are still running");
        self.shared.drained.cancel();
        if tokio::time::timeout(LAST_WORDS, self.running.wait()).await.is_err() {
            tracing::error!(turns = self.running.len(), "Turns did not end in time");
        }
    }
}
