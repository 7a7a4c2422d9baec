//! One turn: from the door to its one honest end.

use std::convert::Infallible;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use tokio::select;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};

use super::audience::Audience;
use super::hold::Hold;
use super::job::Job;
use super::keeper::Keeper;
use super::leaving::Leaving;
use super::once::Once;
use super::opening::{Opening, Ready};
use super::recorder::{Recorded, Recorder, Scope};
use super::shared::Shared;
use super::wording::{missing, told};
use super::{Level, ThreadEvent, TurnEnd, TurnRequest, for_model};
use crate::agents::{Driver, Finish, Interrupt, Run, drive};
use crate::domain::{Catalog, ItemId, Message, Outcome, Spend, ThreadId};

/// So many events of the agent may wait for the scribe.
const BACKLOG: usize = 64;

/// The newest messages of a thread that are looked at.
const TRANSCRIPT: u32 = 400;

/// How long a turn waits for tool servers that are about to come.
const PATIENCE_WITH_TOOLS: Duration = Duration::from_secs(3);

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
        for event in events {
            audience.tell(event).await;
        }
        let started = Instant::now();
        let interrupt = Interrupt::default();
        let request_id = request.request_id.clone();
        let heard = Arc::clone(&audience);
        let work = Work { turn, request, audience: heard, choice, transcript, interrupt };
        let (recorded, steps) = self.watched(work, &hold, &request_id).await;
        let took = started.elapsed();
        let heard = Arc::clone(&audience);
        let leaving = Leaving { hold, line, place, audience: heard, title, receipt, request_id };
        let end = Box::pin(self.leave(leaving, recorded)).await;
        end.log(steps, took);
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
        let keeper = Keeper {
            store: Arc::clone(&self.store),
            lease: hold.lease.clone(),
            turn: turn.clone(),
            audience,
            interrupt: interrupt.clone(),
            last: None,
        };
        let scope = Scope {
            spent: hold.spent,
            reads_text_only: request.reads_text_only(),
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
        tokio::join!(
            Box::pin(Recorder::new(keeper, scope).record(heard)),
            Box::pin(drive(run, driver))
        )
    }

    /// Just after the start, or after a loss, tools may be about to come. Then what is still
    /// missing is told.
    async fn await_tools(&self, audience: &Audience) {
        if timeout(PATIENCE_WITH_TOOLS, self.tools.settled()).await.is_err() {
            tracing::warn!("Going on before every tool server has answered");
        }
        if let Some(message) = missing(&self.tools.catalog().missing) {
            audience.tell(ThreadEvent::Notice { level: Level::Warning, message }).await;
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
