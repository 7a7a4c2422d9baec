//! One turn: from the door to its one honest end.

use std::convert::Infallible;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use tokio::select;
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use super::audience::Audience;
use super::hold::Hold;
use super::leaving::Leaving;
use super::line::{Lines, Place};
use super::once::Once;
use super::opening::Ready;
use super::receipt::Opening;
use super::recorder::{Recorded, Recorder, Scope, notice_of_missing};
use super::repeats::Repeats;
use super::wording::told;
use super::{BeginError, Settings, Store, ThreadEvent, TurnEnd, TurnRequest, for_model};
use crate::agents::{Driver, Finish, Interrupt, Model, Run, Tools, drive};
use crate::domain::{Catalog, Cost, ItemId, Message, Outcome, Spend, ThreadId};

/// So many events of the agent may wait for the scribe.
const BACKLOG: usize = 64;

/// The newest messages of a thread that are looked at.
const TRANSCRIPT: u32 = 400;

/// How long a turn waits for tool servers that are about to come.
const PATIENCE_WITH_TOOLS: Duration = Duration::from_secs(3);

/// What every turn of the house works with.
pub(super) struct Shared {
    pub(super) store: Arc<dyn Store>,
    pub(super) model: Arc<dyn Model>,
    pub(super) tools: Arc<dyn Tools>,
    pub(super) settings: Settings,
    /// Cancelled when running turns must end.
    pub(super) drained: CancellationToken,
    pub(super) lines: Arc<Lines>,
    pub(super) repeats: Repeats,
}

/// A turn that was asked for.
pub(super) struct Job {
    pub(super) request: TurnRequest,
    pub(super) thread: ThreadId,
    /// The item that is to be answered; drawn here if it is a new message.
    pub(super) turn: ItemId,
    /// Whether the same was asked before, so that some of it may be done.
    pub(super) is_copy: bool,
    pub(super) audience: Arc<Audience>,
    /// Held until the turn is over.
    pub(super) place: OwnedSemaphorePermit,
    /// Hears whether there is a turn, while that can still be told by a status.
    pub(super) started: Option<oneshot::Sender<Result<(), BeginError>>>,
}

/// What must be let go when a turn ends, before its end is told: whoever hears it may speak at once.
pub(super) struct Held {
    pub(super) hold: Hold,
    pub(super) line: Option<Place>,
    pub(super) place: OwnedSemaphorePermit,
}

/// What a turn needs to be run.
struct Work {
    turn: ItemId,
    request: TurnRequest,
    audience: Arc<Audience>,
    /// The model that was chosen.
    choice: Option<String>,
    transcript: Option<Vec<Message>>,
    interrupt: Interrupt,
}

impl Job {
    /// Says that the stream may begin: what follows is told as events.
    pub(super) fn accept(&mut self) {
        if let Some(started) = self.started.take() {
            drop(started.send(Ok(())));
        }
    }

    /// Says why there is no turn: by a status if that is still possible.
    async fn refuse(mut self, error: BeginError) {
        let end = TurnEnd {
            thread: self.thread.clone(),
            outcome: Outcome::Failed,
            told: Some(refusal(&error)),
            text: String::new(),
            tool_calls: Vec::new(),
            spend: Spend::default(),
            thread_spend: None,
        };
        if let Some(started) = self.started.take() {
            drop(started.send(Err(error)));
        }
        drop(self.place);
        self.audience.tell(ThreadEvent::Ended(Box::new(end))).await;
    }
}

impl Shared {
    /// Takes in what is asked and answers it; when nobody listens any more, it ends in order.
    pub(super) async fn host(self: Arc<Self>, mut job: Job) {
        // In a box of its own: gone before the long part begins.
        let ready = match Box::pin(self.open(&mut job)).await {
            Ok(Opening::Ready(ready)) => *ready,
            Ok(Opening::Replayed) => return,
            Err(error) => return Box::pin(job.refuse(error)).await,
        };
        job.accept();
        let Job { request, turn, audience, place, .. } = job;
        let Ready { hold, line, events, choice, transcript, title, receipt } = ready;
        let held = Held { hold, line, place };
        for event in events {
            audience.tell(event).await;
        }
        let started = Instant::now();
        let interrupt = Interrupt::default();
        let request_id = request.request_id.clone();
        let heard = Arc::clone(&audience);
        let work = Work { turn, request, audience: heard, choice, transcript, interrupt };
        let (recorded, steps) = self.watched(work, &held.hold, &request_id).await;
        let took = started.elapsed();
        let leaving = Leaving { held, audience: Arc::clone(&audience), title, receipt, request_id };
        let end = Box::pin(self.leave(leaving, recorded)).await;
        log(&end, steps, took);
        audience.tell(ThreadEvent::Ended(Box::new(end))).await;
    }

    /// A panic ends one turn, and honestly.
    async fn watched(&self, work: Work, hold: &Hold, request_id: &str) -> (Recorded, u32) {
        let (interrupt, audience) = (work.interrupt.clone(), Arc::clone(&work.audience));
        let thread = hold.lease.thread.clone();
        // A future that is moved is laid out twice; a box is moved instead.
        let work = AssertUnwindSafe(Box::pin(self.work(work, hold))).catch_unwind();
        let ended = select! {
            biased; // Whoever left is noticed before another step is taken.
            never = self.watch(&audience, hold, &interrupt) => match never {},
            ended = work => ended,
        };
        ended.unwrap_or_else(|_| {
            tracing::error!("A turn panicked");
            let finish = Finish::Model(crate::agents::ModelError::Failed("a fault".to_owned()));
            let told = told(&finish, &[], request_id);
            let (text, tool_calls, outcome) = (String::new(), Vec::new(), Outcome::Failed);
            let spend = Spend::unknown();
            let thread_spend = Some(hold.spent + spend);
            let end = TurnEnd { thread, outcome, told, text, tool_calls, spend, thread_spend };
            (Recorded { end, last: None }, 0)
        })
    }

    async fn work(&self, work: Work, hold: &Hold) -> (Recorded, u32) {
        let Work { turn, request, audience, choice, transcript, interrupt } = work;
        self.await_tools(&audience).await;
        let choice = self.offered(choice, &audience).await;
        let (events, heard) = mpsc::channel(BACKLOG);
        let transcript = match transcript {
            Some(transcript) => transcript,
            None => self.transcript(&hold.lease.thread, &interrupt).await,
        };
        let reads_text_only = request.reads_text_only();
        let scope = Scope {
            store: Arc::clone(&self.store),
            lease: hold.lease.clone(),
            spent: hold.spent,
            turn: turn.clone(),
            audience,
            interrupt: interrupt.clone(),
            reads_text_only,
            names_servers: has_several_servers(&self.tools.catalog()),
            request_id: request.request_id,
        };
        let (store, lease) = (Arc::clone(&self.store), hold.lease.clone());
        let tools = Once::new(Arc::clone(&self.tools), store, lease, turn, interrupt.clone());
        let driver = Driver {
            model: Arc::clone(&self.model),
            choice,
            tools: Arc::new(tools),
            time_zone: request.time_zone.unwrap_or_else(|| self.settings.time_zone.clone()),
            deadline: Instant::now() + self.settings.turn_timeout,
            interrupt,
            events,
        };
        let run = Run::new(transcript, self.settings.limits);
        tokio::join!(Box::pin(Recorder::new(scope).record(heard)), Box::pin(drive(run, driver)))
    }

    /// Just after the start, or after a loss, tools may be about to come. Then what is still
    /// missing is told.
    async fn await_tools(&self, audience: &Audience) {
        if timeout(PATIENCE_WITH_TOOLS, self.tools.settled()).await.is_err() {
            tracing::warn!("Going on before every tool server has answered");
        }
        if let Some(notice) = notice_of_missing(&self.tools.catalog().missing) {
            audience.tell(notice).await;
        }
    }

    async fn transcript(&self, thread: &ThreadId, interrupt: &Interrupt) -> Vec<Message> {
        match self.store.transcript(thread, TRANSCRIPT).await {
            Ok(messages) => for_model(messages, self.settings.max_context_tokens),
            Err(error) => {
                tracing::error!(error = &error as &dyn std::error::Error, "Transcript not read");
                interrupt.raise(Finish::Storage);
                Vec::new()
            }
        }
    }

    /// Raises the interrupt when the turn must end; never returns.
    async fn watch(&self, audience: &Audience, hold: &Hold, interrupt: &Interrupt) -> Infallible {
        let left = async {
            audience.deserted().await;
            interrupt.raise(Finish::Cancelled);
            std::future::pending::<Infallible>().await
        };
        let drained = async {
            self.drained.cancelled().await;
            interrupt.raise(Finish::ShutDown);
            std::future::pending::<Infallible>().await
        };
        select! {
            never = left => never,
            never = drained => never,
            never = hold.keep(interrupt) => never,
        }
    }
}

fn has_several_servers(catalog: &Catalog) -> bool {
    let mut servers = catalog.tools.iter().map(|tool| &tool.server);
    let first = servers.next();
    servers.any(|server| Some(server) != first && &**server != crate::agents::BUILT_IN)
}

/// The one line that closes a turn.
pub(super) fn log(end: &TurnEnd, steps: u32, took: Duration) {
    tracing::info!(
        outcome = end.outcome.as_str(),
        steps,
        tool_calls = end.tool_calls.len(),
        input_tokens = end.spend.usage.input_tokens,
        cached_tokens = end.spend.usage.cached_tokens,
        output_tokens = end.spend.usage.output_tokens,
        thinking_tokens = end.spend.usage.thinking_tokens,
        cost_usd = end.spend.whole_cost().map(Cost::usd),
        duration_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
        "Turn ended"
    );
}

/// What a person hears who waited in line in vain.
fn refusal(error: &BeginError) -> String {
    match error {
        BeginError::UnknownThread => "This conversation was deleted meanwhile.".to_owned(),
        BeginError::Draining => "The server is restarting. Try again in a few seconds.".to_owned(),
        BeginError::Crowded | BeginError::Busy => {
            "The answer before this one is still being written. Try again in a moment.".to_owned()
        }
        BeginError::UnknownItem
        | BeginError::NotAMessage
        | BeginError::NotWaiting
        | BeginError::Locked { .. }
        | BeginError::KeyReused
        | BeginError::Broken
        | BeginError::Threads(_) => {
            "The message could not be taken. Try again in a moment.".to_owned()
        }
    }
}
