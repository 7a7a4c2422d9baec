//! Begins turns, counts them, and drains them at the end. What a turn does is in `turn`.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use futures::future::Either;
use tokio::sync::oneshot;
use tokio::sync::oneshot::error::TryRecvError;
use tokio::task::AbortHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;
use tracing::{Instrument, info_span};

use super::admission::{Heartbeat, Queues, beat};
use super::allowance::{Allowed, CountHere, Refusals, allow, report};
use super::context::ChatContext;
use super::places::Places;
use super::repeat::RequestsInFlight;
use super::request::job::{AnswerOrigin, TurnJob};
use super::turn::{CloseLog, Engine, Reader, Sweep, TurnLog, run_turn};
use super::{
    Allowance, BeginError, Conversations, RequestContext, Settings, Store, StoreResult, Turn,
    TurnRequest, UsageReport,
};
use base::agents::{Model, Tools, WithQuestions};
use base::cores::PerCore;
use base::domain::{Caller, ServerContent, ThreadId};

/// How long turns that were told to stop have to report their end.
const LAST_WORDS: Duration = Duration::from_secs(3);

/// Holds conversations. Between two requests nothing of them exists only here.
pub struct Chat {
    context: Arc<ChatContext>,
    places: Arc<Places>,
    running: TaskTracker,
    heartbeat: AbortHandle,
    sweeps: PerCore<Arc<Sweep>>,
}

impl Chat {
    /// Spawns the heartbeat, so it must be called in a runtime.
    pub fn new(
        store: Arc<dyn Store>,
        model: Arc<dyn Model>,
        tools: Arc<dyn Tools>,
        settings: Settings,
    ) -> Self {
        let places = Places::new(settings.max_turns);
        let context = Arc::new(ChatContext {
            store,
            model,
            tools: Arc::new(WithQuestions::new(tools)),
            settings,
            draining: CancellationToken::new(),
            drained: CancellationToken::new(),
            queues: Arc::new(Queues::default()),
            heartbeat: Arc::new(Heartbeat::default()),
            in_flight: RequestsInFlight::default(),
            refusals: Refusals::default(),
            turns_here: CountHere::default(),
            looked_for: CountHere::default(),
        });
        let beating = beat(Arc::clone(&context.store), Arc::clone(&context.heartbeat));
        let heartbeat = tokio::spawn(beating).abort_handle();
        let sweeps = PerCore::new(|| Arc::new(Sweep::new(&places, &context.store)));
        Self { context, places, running: TaskTracker::new(), heartbeat, sweeps }
    }

    /// The threads of a caller, for everything outside of turns.
    pub fn of<'a>(&'a self, caller: &'a Caller) -> Conversations<'a> {
        Conversations::new(&*self.context.store, caller)
    }

    /// The ids of the models that can be chosen, the default first.
    pub fn models(&self) -> &[Arc<str>] {
        self.context.model.choices()
    }

    /// What tool servers have besides tools, now.
    pub fn content(&self) -> Vec<ServerContent> {
        self.context.tools.catalog().content.clone()
    }

    /// How long the model would refuse a turn; `None` if it would not.
    pub fn model_refuses_for(&self) -> Option<Duration> {
        self.context.model.refuses_for()
    }

    /// Whether this request came before, so that its answer may be in the store.
    pub async fn has_seen(&self, context: &RequestContext) -> bool {
        let Some(repeat) = &context.repeat else { return false };
        matches!(self.context.store.received(&repeat.key).await, Ok(Some(_)))
    }

    /// What a caller has used on the last days, and what is left of its limits.
    pub async fn usage_of(&self, caller: &Caller, days: u32) -> StoreResult<UsageReport> {
        report(&self.context, caller, days).await
    }

    pub fn running(&self) -> usize {
        self.running.len()
    }

    /// Stores the question and begins to answer it. Returns when the question is stored, or when it
    /// waits in the queue.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future counts as leaving: the turn is cancelled in an orderly way.
    pub async fn begin(&self, request: TurnRequest) -> Result<Turn, BeginError> {
        // Counted before the check, so that a drain which begins in between waits for this turn.
        let token = self.running.token();
        if self.running.is_closed() {
            return Err(BeginError::Draining);
        }
        // A copy joins before a slot is taken: it needs none.
        let repeat = request.context.repeat.as_ref();
        let joined = repeat.map(|key| self.context.in_flight.join(key)).transpose()?;
        if let Some(turn) = joined.flatten() {
            return Ok(turn);
        }
        // Whoever is turned away because there is too much to do costs no statement.
        let owner = &request.context.caller.owner;
        let place = self.places.take(owner).await.ok_or(BeginError::Busy)?;
        let thread = request.thread().cloned().unwrap_or_else(ThreadId::new_thread);
        let Allowed { attempt, counted, due, allowance } =
            allow(&self.context, &request.context, &thread).await?;
        let (log, mut events) = TurnLog::begin(request.context.on_leave);
        // A second look, under one lock: a copy may have come since the first.
        let noted =
            repeat.map(|key| self.context.in_flight.note(key, &thread, &log)).transpose()?;
        let in_flight = match noted {
            Some(Either::Right(turn)) => return Ok(turn),
            Some(Either::Left(noted)) => Some(noted),
            None => None,
        };
        let (mut job, has_started) =
            TurnJob::new(request, attempt, thread.clone(), Arc::clone(&log), place);
        let of_replay = counted.as_ref().and(allowance.as_ref()).map(Allowance::without_it);
        (job.in_flight, job.counted, job.due) = (in_flight, counted, due);
        let engine = host(Arc::clone(&self.context), job, token);
        self.sweeps.here().watch(&log, &engine);
        // The turn runs in the task of its first reader, which is the caller's (ADR 24).
        events.run(engine);
        let origin = started_by(&mut events, has_started).await?;
        let allowance = of_replay.filter(|_| origin == AnswerOrigin::Replay).or(allowance);
        Ok(Turn { thread, events, allowance })
    }

    /// Accepts no more turns, waits for running ones, and after `patience` tells them to stop.
    pub async fn drain(&self, patience: Duration) {
        self.running.close();
        self.context.draining.cancel();
        if tokio::time::timeout(patience, self.running.wait()).await.is_ok() {
            return;
        }
        tracing::warn!(turns = self.running.len(), "Ending turns that are still running");
        self.context.drained.cancel();
        if tokio::time::timeout(LAST_WORDS, self.running.wait()).await.is_err() {
            tracing::error!(turns = self.running.len(), "Turns did not end in time");
        }
    }
}

impl Drop for Chat {
    fn drop(&mut self) {
        self.heartbeat.abort();
    }
}

/// A turn, ready to run. Not a part of `begin`: a turn would be compiled again in each package that
/// calls that (ADR 28).
fn host(context: Arc<ChatContext>, job: TurnJob, token: TaskTrackerToken) -> Arc<Engine> {
    let span = info_span!("turn", thread_id = %job.thread, turn_id = %job.item);
    // The future owns both: if it panics, the log is closed and the turn no longer counted.
    let closing = CloseLog(Arc::clone(&job.log));
    let hosting = async move {
        run_turn(context, job).await;
        drop((closing, token));
    };
    Engine::new(hosting.instrument(span))
}

/// Runs a turn until it is known whether it begins.
async fn started_by(
    turn: &mut Reader,
    mut has_started: oneshot::Receiver<Result<AnswerOrigin, BeginError>>,
) -> Result<AnswerOrigin, BeginError> {
    let started = poll_fn(|context| {
        if turn.go_on(context) {
            // The turn that has just run here sends it, so no waker is needed.
            match has_started.try_recv() {
                Err(TryRecvError::Empty) => Poll::Pending,
                told => Poll::Ready(told.map_err(drop)),
            }
        } else {
            Pin::new(&mut has_started).poll(context).map_err(drop)
        }
    });
    started.await.unwrap_or(Err(BeginError::Broken))
}
