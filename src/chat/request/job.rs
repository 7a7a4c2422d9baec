//! A requested turn: its request, who reads it, and why there may be none.

use std::sync::Arc;

use tokio::sync::oneshot;

use super::super::allowance::CountedTurn;
use super::super::places::Place;
use super::super::repeat::InFlightGuard;
use super::super::turn::TurnLog;
use super::super::{Allowance, Fact, NewTurn, Reader, ThreadsError, TurnEnd, TurnRequest};
use super::prompt_start::PromptRefusal;
use base::domain::{ItemId, Outcome, Owner, Spend, ThreadId};

/// A running turn. When its last reader is dropped the turn is cancelled in an orderly way, unless
/// its request says that it finishes.
#[derive(Debug)]
#[must_use = "a turn that is dropped at once is cancelled at once"]
pub struct Turn {
    pub thread: ThreadId,
    /// All facts, the last is [`Fact::Ended`] or a title after it.
    pub events: Reader,
    /// The limits of its caller; `None` if there are none, and for a copy that joined.
    pub allowance: Option<Allowance>,
}

/// How a request is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AnswerOrigin {
    /// By a turn, which begins or waits for its thread.
    Turn,
    /// By what is stored of an earlier copy's turn.
    Replay,
}

/// Why no turn began. Nothing was stored.
#[derive(Debug, thiserror::Error)]
pub enum BeginError {
    #[error("there is no such thread")]
    UnknownThread,
    #[error("there is no such item")]
    UnknownItem,
    /// Only messages of the user can be retried.
    #[error("the item is not a message of the user")]
    NotAMessage,
    /// The form is answered already, or the item is no form.
    #[error("the item does not wait for answers")]
    NotWaiting,
    /// The thread accepts no messages.
    #[error("the thread does not accept messages")]
    Locked {
        /// For the user.
        reason: Option<String>,
    },
    /// The limit of running turns is reached.
    #[error("too many conversations are running")]
    Busy,
    /// A limit of the caller is reached.
    #[error("a limit of the caller is reached")]
    OverLimit(Allowance),
    /// The thread is busy, and its queue is full or was waited for in vain.
    #[error("the thread is busy")]
    Crowded,
    /// It names a prompt of a tool server that cannot be started.
    #[error(transparent)]
    Prompt(#[from] PromptRefusal),
    /// The same idempotency key came with another body.
    #[error("the key was used for another request")]
    KeyReused,
    /// The process drains.
    #[error("the server is shutting down")]
    Draining,
    /// A fault of ours; the log has the cause.
    #[error("the turn could not begin")]
    Broken,
    /// The store failed, so the message is not stored.
    #[error(transparent)]
    Threads(#[from] ThreadsError),
}

/// The work on one turn, from the request to its end.
pub(crate) struct TurnJob {
    pub(crate) request: TurnRequest,
    /// The id of this try. The thread remembers the newest one (ADR 22).
    pub(crate) attempt: String,
    pub(crate) thread: ThreadId,
    /// The item that is asked about. For a new message it is generated here, before anything is
    /// stored.
    pub(crate) item: ItemId,
    /// Whether an earlier copy of the request was found that had not ended.
    pub(crate) is_copy: bool,
    pub(crate) log: Arc<TurnLog>,
    /// Counts against the limit of running turns until the turn is over.
    pub(crate) place: Place,
    /// While this exists, copies of the request join the turn.
    pub(crate) in_flight: Option<InFlightGuard>,
    /// Counted against the limits of its caller, until the turn is over.
    pub(crate) counted: Option<CountedTurn>,
    /// To be counted before it begins work: a copy that was let past a limit.
    pub(crate) due: Option<NewTurn>,
    /// Told whether a turn began, as long as the answer can still be a status code.
    pub(crate) started: Option<oneshot::Sender<Result<AnswerOrigin, BeginError>>>,
}

impl TurnJob {
    /// A job, and the receiver of whether a turn begins.
    pub(crate) fn new(
        request: TurnRequest,
        attempt: String,
        thread: ThreadId,
        log: Arc<TurnLog>,
        place: Place,
    ) -> (Self, oneshot::Receiver<Result<AnswerOrigin, BeginError>>) {
        let (started, has_started) = oneshot::channel();
        let item = request.item().cloned().unwrap_or_else(ItemId::new_message);
        let (is_copy, started) = (false, Some(started));
        let (in_flight, counted, due) = (None, None, None);
        let job = Self {
            request,
            attempt,
            thread,
            item,
            is_copy,
            log,
            place,
            in_flight,
            counted,
            due,
            started,
        };
        (job, has_started)
    }

    /// No turn begins, so none counts. Before anybody is told: the next request may come at once.
    pub(crate) async fn uncount(&mut self) {
        if let Some(counted) = self.counted.take() {
            counted.take_back().await;
        }
    }

    /// Who asks, and therefore whose thread it is.
    pub(crate) fn owner(&self) -> &Owner {
        &self.request.context.caller.owner
    }

    /// Reports that the stream may begin. Later failures are facts in it (ADR 7).
    pub(crate) fn accept(&mut self, origin: AnswerOrigin) {
        if let Some(started) = self.started.take() {
            drop(started.send(Ok(origin)));
        }
    }

    /// Sends the facts of a turn that is over.
    pub(crate) fn replay(mut self, events: Vec<Fact>) {
        self.accept(AnswerOrigin::Replay);
        // Nothing runs any more, so the slot is free before the events are read.
        drop(self.place);
        for event in events {
            self.log.tell(event);
        }
    }

    /// Reports why there is no turn: by a status if that is still possible, and as the end of the
    /// log.
    pub(crate) fn refuse(mut self, error: BeginError) {
        let end = TurnEnd {
            thread: self.thread.clone(),
            outcome: outcome_of(&error),
            told: Some(refusal(&error)),
            text: String::new(),
            tool_calls: Vec::new(),
            spend: Spend::default(),
            thread_spend: None,
            confirmation: None,
            sign_ins: Vec::new(),
        };
        if let Some(started) = self.started.take() {
            drop(started.send(Err(error)));
        }
        // Freed before the end is told: whoever reads it may send the next request immediately.
        drop((self.place, self.in_flight));
        self.log.tell(Fact::Ended(Box::new(end)));
    }
}

/// Decides whether the front end offers a retry: not if the same request would fail again.
const fn outcome_of(error: &BeginError) -> Outcome {
    match error {
        BeginError::UnknownThread
        | BeginError::UnknownItem
        | BeginError::NotAMessage
        | BeginError::NotWaiting
        | BeginError::Locked { .. }
        | BeginError::Prompt(_)
        | BeginError::KeyReused => Outcome::Cancelled,
        BeginError::Busy
        | BeginError::OverLimit(_)
        | BeginError::Crowded
        | BeginError::Draining
        | BeginError::Broken
        | BeginError::Threads(_) => Outcome::Failed,
    }
}

/// For a user whose stream had begun when the request was refused.
fn refusal(error: &BeginError) -> String {
    match error {
        BeginError::UnknownThread => "This conversation was deleted meanwhile.".to_owned(),
        BeginError::Draining => "The server is restarting. Try again in a few seconds.".to_owned(),
        BeginError::Crowded | BeginError::Busy => {
            "The answer before this one is still being written. Try again in a moment.".to_owned()
        }
        BeginError::OverLimit(allowance) => allowance.told(),
        BeginError::Prompt(refusal) => refusal.to_string(),
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
