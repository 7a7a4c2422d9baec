//! A turn that is asked for: who hears of it, who works on it, and why there is none.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, oneshot};

use super::super::repeat::InFlightGuard;
use super::super::turn::TurnLog;
use super::super::{Fact, Reader, ThreadsError, TurnEnd, TurnRequest};
use crate::domain::{ItemId, Outcome, Spend, ThreadId};

/// A turn that runs; when the last who holds one drops it, the turn is cancelled in order, unless its
/// request says otherwise.
#[derive(Debug)]
#[must_use = "a turn that is dropped at once is cancelled at once"]
pub struct Turn {
    /// Where.
    pub thread: ThreadId,
    /// What happens, up to and with [`Fact::Ended`].
    pub events: Reader,
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

/// The work on a turn.
pub(in crate::chat) struct TurnJob {
    pub(in crate::chat) request: TurnRequest,
    /// Names this try at it among all that were ever made.
    pub(in crate::chat) attempt: String,
    pub(in crate::chat) thread: ThreadId,
    /// The item that is asked about; drawn here if it is a new message.
    pub(in crate::chat) item: ItemId,
    /// Whether it was found to be the same as a request before it that had not ended.
    pub(in crate::chat) is_copy: bool,
    pub(in crate::chat) log: Arc<TurnLog>,
    /// Held until the turn is over.
    pub(in crate::chat) permit: OwnedSemaphorePermit,
    /// While this lives, copies of the request join the turn.
    pub(in crate::chat) in_flight: Option<InFlightGuard>,
    /// Hears whether there is a turn, while that can still be told by a status.
    pub(in crate::chat) started: Option<oneshot::Sender<Result<(), BeginError>>>,
}

impl TurnJob {
    /// A try at a request, and who hears whether a turn comes of it.
    pub(in crate::chat) fn new(
        request: TurnRequest,
        thread: ThreadId,
        log: Arc<TurnLog>,
        permit: OwnedSemaphorePermit,
    ) -> (Self, oneshot::Receiver<Result<(), BeginError>>) {
        let (started, has_started) = oneshot::channel();
        let item = request.item().cloned().unwrap_or_else(ItemId::new_message);
        let attempt = uuid::Uuid::now_v7().simple().to_string();
        let (is_copy, in_flight, started) = (false, None, Some(started));
        let job = Self { request, attempt, thread, item, is_copy, log, permit, in_flight, started };
        (job, has_started)
    }

    /// Says that the stream may begin: what follows is told as events.
    pub(in crate::chat) fn accept(&mut self) {
        if let Some(started) = self.started.take() {
            drop(started.send(Ok(())));
        }
    }

    /// Tells a turn that is over once more.
    pub(in crate::chat) fn replay(mut self, events: Vec<Fact>) {
        self.accept();
        drop(self.permit);
        for event in events {
            self.log.tell(event);
        }
    }

    /// Says why there is no turn: by a status if that is still possible.
    pub(in crate::chat) fn refuse(mut self, error: BeginError) {
        let end = TurnEnd {
            thread: self.thread.clone(),
            outcome: outcome_of(&error),
            told: Some(refusal(&error)),
            text: String::new(),
            tool_calls: Vec::new(),
            spend: Spend::default(),
            thread_spend: None,
        };
        if let Some(started) = self.started.take() {
            drop(started.send(Err(error)));
        }
        drop((self.permit, self.in_flight));
        self.log.tell(Fact::Ended(Box::new(end)));
    }
}

/// Asking the same again does not help where something else is wrong than the moment.
const fn outcome_of(error: &BeginError) -> Outcome {
    match error {
        BeginError::UnknownThread
        | BeginError::UnknownItem
        | BeginError::NotAMessage
        | BeginError::NotWaiting
        | BeginError::Locked { .. }
        | BeginError::KeyReused => Outcome::Cancelled,
        BeginError::Busy
        | BeginError::Crowded
        | BeginError::Draining
        | BeginError::Broken
        | BeginError::Threads(_) => Outcome::Failed,
    }
}

/// What a person hears who waited in line in vain.
fn refusal(error: &BeginError) -> String {
    match error {
        BeginError::UnknownThread => "This conversation was deleted meanwhile.".to_owned(),
        BeginError::Draining => "The server is restarting. Try again in a few seconds.".to_owned(),
        BeginError::Crowded | BeginError::Busy => {
            "The answer before this one is still being written. Try again in a moment.".to_owned()
        }
        BeginError::UnknownItem | BeginError::NotAMessage => {
            "What this was about is not in the conversation any more.".to_owned()
        }
        BeginError::NotWaiting => "These questions do not wait for answers any more.".to_owned(),
        BeginError::Locked { .. } => "This conversation takes no messages any more.".to_owned(),
        BeginError::KeyReused => {
            "Another message came under the same key, so this one was not taken.".to_owned()
        }
        BeginError::Broken | BeginError::Threads(_) => {
            "The message could not be taken. Try again in a moment.".to_owned()
        }
    }
}
