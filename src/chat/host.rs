//! The host: begins turns, counts them, drains them at the end.

use std::sync::Arc;
use std::time::Duration;

use jiff::tz::TimeZone;
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{Instrument, info_span};

use super::audience::Audience;
use super::line::Lines;
use super::repeats::Repeats;
use super::turn::{Job, Shared};
use super::{Store, ThreadEvent, Threads, ThreadsError, TurnRequest};
use crate::agents::{Limits, Model, Tools, WithQuestions};
use crate::domain::{ItemId, ThreadId};

/// Turns that were told to stop get so long to say so.
const LAST_WORDS: Duration = Duration::from_secs(3);

/// How conversations are held.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Turns that may run at the same time.
    pub max_turns: usize,
    /// Messages that may wait while their thread is busy.
    pub max_waiting: usize,
    /// How far a turn may go.
    pub limits: Limits,
    /// How long a turn may take.
    pub turn_timeout: Duration,
    /// What of a thread the model is sent, in tokens.
    pub max_context_tokens: usize,
    /// Who finds a title for a thread.
    pub titles: Titles,
    /// What "today" means if a message does not say.
    pub time_zone: TimeZone,
}

/// Who finds a title for a thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Titles {
    /// Its first words are its title.
    FirstWords,
    /// The model does; where it does not, the first words.
    Model,
}

/// Holds conversations. Nothing of them lives only here.
pub struct Chat {
    shared: Arc<Shared>,
    places: Arc<Semaphore>,
    running: TaskTracker,
}

/// A turn that runs; when the last who holds one drops it, the turn is cancelled in order.
#[derive(Debug)]
#[must_use = "a turn that is dropped at once is cancelled at once"]
pub struct Turn {
    /// Where.
    pub thread: ThreadId,
    /// What happens, up to and with [`ThreadEvent::Ended`].
    pub events: mpsc::Receiver<ThreadEvent>,
}

/// Why no turn began. Nothing was kept.
#[derive(Debug, thiserror::Error)]
pub enum BeginError {
    /// No such thread.
    #[error("there is no such thread")]
    UnknownThread,
    /// No such item in the thread.
    #[error("there is no such item")]
    UnknownItem,
    /// Only what the person said can be answered again.
    #[error("the item is not a message of the person")]
    NotAMessage,
    /// The questions are answered, or there never were any.
    #[error("the item does not wait for answers")]
    NotWaiting,
    /// The thread takes no messages.
    #[error("the thread takes no messages")]
    Locked {
        /// Why, for the person.
        reason: Option<String>,
    },
    /// As many turns run as are allowed.
    #[error("too many conversations are running")]
    Busy,
    /// The thread is busy, and no more may wait for it.
    #[error("the thread is busy")]
    Crowded,
    /// The same key came with another body.
    #[error("the key was used for another request")]
    KeyReused,
    /// The process is about to end.
    #[error("the server is shutting down")]
    Draining,
    /// Something broke that should not.
    #[error("the turn could not begin")]
    Broken,
    /// The message could not be kept.
    #[error(transparent)]
    Threads(#[from] ThreadsError),
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
