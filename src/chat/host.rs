//! The host: begins turns, counts them, drains them at the end.

use std::sync::Arc;
use std::time::Duration;

use jiff::tz::TimeZone;
use tokio::sync::{Semaphore, mpsc};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{Instrument, info_span};

use super::message::now;
use super::turn::{Begun, Shared};
use super::{Entry, NewMessage, ThreadEvent, Threads, ThreadsError};
use crate::agents::{Limits, Model, Tools};
use crate::domain::{Item, Message, Thread, ThreadId, ThreadStatus};

/// So many events may wait for a slow listener before the turn waits too.
const BACKLOG: usize = 64;

/// Turns that were told to stop get so long to say so.
const LAST_WORDS: Duration = Duration::from_secs(3);

/// How conversations are held.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Turns that may run at the same time.
    pub max_turns: usize,
    /// How far a turn may go.
    pub limits: Limits,
    /// How long a turn may take.
    pub turn_timeout: Duration,
    /// What "today" means if a message does not say.
    pub time_zone: TimeZone,
}

/// Holds conversations. Nothing of them lives only here.
pub struct Chat {
    shared: Arc<Shared>,
    places: Arc<Semaphore>,
    running: TaskTracker,
}

/// A turn that runs; dropping it is leaving, and the turn is cancelled in order.
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
    /// The thread takes no messages.
    #[error("the thread takes no messages")]
    Locked {
        /// Why, for the person.
        reason: Option<String>,
    },
    /// As many turns run as are allowed.
    #[error("too many conversations are running")]
    Busy,
    /// The process is about to end.
    #[error("the server is shutting down")]
    Draining,
    /// The message could not be kept.
    #[error(transparent)]
    Threads(#[from] ThreadsError),
}

impl Chat {
    /// A house without visitors.
    pub fn new(
        threads: Arc<dyn Threads>,
        model: Arc<dyn Model>,
        tools: Arc<dyn Tools>,
        settings: Settings,
    ) -> Self {
        let places = Arc::new(Semaphore::new(settings.max_turns));
        let drained = CancellationToken::new();
        let shared = Arc::new(Shared { threads, model, tools, settings, drained });
        Self { shared, places, running: TaskTracker::new() }
    }

    /// Where threads are kept, for those who only read.
    pub fn threads(&self) -> &dyn Threads {
        &*self.shared.threads
    }

    /// How long the model would refuse a turn, if it would.
    pub fn model_refuses_for(&self) -> Option<Duration> {
        self.shared.model.refuses_for()
    }

    /// How many turns are running.
    pub fn running(&self) -> usize {
        self.running.len()
    }

    /// Keeps the message and begins to answer it.
    ///
    /// # Cancel safety
    ///
    /// A message that was kept is answered only if this returns; it is never kept twice.
    pub async fn begin(&self, message: NewMessage) -> Result<Turn, BeginError> {
        if self.running.is_closed() {
            return Err(BeginError::Draining);
        }
        let place = Arc::clone(&self.places).try_acquire_owned().map_err(|_| BeginError::Busy)?;
        let (thread, is_new) = self.thread_for(&message).await?;
        let item = message.item(&thread.id);
        self.keep(&thread, is_new, &item, message.message()).await?;

        let (listener, events) = mpsc::channel(BACKLOG);
        let turn = Turn { thread: thread.id.clone(), events };
        let span = info_span!("turn", thread_id = %thread.id, turn_id = %item.id);
        let begun = Begun { thread, is_new, item, message, listener, place };
        let answer = Arc::clone(&self.shared).answer(begun).instrument(span);
        drop(self.running.spawn(answer));
        Ok(turn)
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

    async fn thread_for(&self, message: &NewMessage) -> Result<(Thread, bool), BeginError> {
        let Some(id) = &message.thread else {
            let status = ThreadStatus::Active;
            let id = ThreadId::new_thread();
            return Ok((Thread { id, title: None, created_at: now(), status }, true));
        };
        let thread = self.shared.threads.find(id).await?.ok_or(BeginError::UnknownThread)?;
        match thread.status {
            ThreadStatus::Active => Ok((thread, false)),
            ThreadStatus::Locked { reason } | ThreadStatus::Closed { reason } => {
                Err(BeginError::Locked { reason })
            }
        }
    }

    async fn keep(
        &self,
        thread: &Thread,
        is_new: bool,
        item: &Item,
        message: Message,
    ) -> Result<(), ThreadsError> {
        let turn = item.id.clone();
        let entry = Entry { turn, item: Some(item.clone()), message: Some(message) };
        if is_new {
            self.shared.threads.create(thread, entry).await
        } else {
            self.shared.threads.add(&thread.id, entry).await
        }
    }
}
