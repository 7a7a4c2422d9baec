//! One turn: from its admission to its one outcome. What happens on the way is in `agents`.

mod closer;
mod engine;
mod log;
mod reader;
mod sweep;
pub(super) mod title;

use std::convert::Infallible;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use tokio::select;
use tokio::time::{Instant, timeout};

use self::closer::TurnCloser;
use self::title::Unnamed;
use super::admission::{Admitted, HeldThread, Plan, Ready};
use super::context::ChatContext;
use super::forms::budget;
use super::record::recorder::{Recorded, Recorder};
use super::record::scribe::{Scope, Scribe};
use super::record::wording::{message_for_person, missing};
use super::repeat::JournaledTools;
use super::request::job::TurnJob;
use super::{Fact, Level, RequestContext, RunStart, Titles, TurnEnd, for_model};
use crate::agents::{Driver, Finish, Interrupt, Run, drive};
use crate::domain::{Catalog, ItemId, Message, Outcome, Spend, ThreadId};
pub(super) use engine::Engine;
pub(super) use log::CloseLog;
pub use log::{Cursor, TurnLog};
pub use reader::{Behind, Reader};
pub(super) use sweep::Sweep;

/// How many of the newest messages of a thread are read.
const TRANSCRIPT: u32 = 400;

/// How long a turn waits for tool servers that are about to connect.
const PATIENCE_WITH_TOOLS: Duration = Duration::from_secs(3);

struct TurnInput {
    thread: ThreadId,
    /// The message that everything is done for.
    root: ItemId,
    context: RequestContext,
    log: Arc<TurnLog>,
    /// The chosen model; `None` means the default.
    choice: Option<String>,
    transcript: Option<Vec<Message>>,
}

impl ChatContext {
    /// Stores the question and answers it. Ends in an orderly way when no reader is left.
    pub(super) async fn run_turn(self: Arc<Self>, mut job: TurnJob) {
        // Boxed, and freed before the long part begins: every held stream would carry its size.
        let admitted = Box::pin(self.admit(&mut job)).await;
        let ready = match admitted {
            Ok(Admitted::Ready(ready)) => *ready,
            Ok(Admitted::Replayed(events)) => return job.replay(events),
            Err(error) => return job.refuse(error),
        };
        job.accept();
        // Copies join the turn until its end is announced.
        let TurnJob { request, attempt, thread, log, permit, in_flight: _joinable, .. } = job;
        let Ready { held, slot, started, transcript, title } = ready;
        for event in started.events {
            log.tell(event);
        }
        let begun = Instant::now();
        let context = request.context;
        let request_id = context.request_id.clone();
        let repeat = context.repeat.as_ref().map(|repeat| (repeat.key.clone(), attempt));
        let heard = Arc::clone(&log);
        let (root, choice) = (started.root, started.choice);
        let (recorded, steps) = match started.plan {
            Plan::Answer => {
                let work = TurnInput { thread, root, context, log: heard, choice, transcript };
                self.watched(work, &held, &request_id).await
            }
            Plan::StopHere => (budget::stopped(&held, &thread, &root), 0),
        };
        let took = begun.elapsed();
        let heard = Arc::clone(&log);
        let closer = TurnCloser { held, slot, permit, log: heard, repeat, request_id };
        // Before the end is announced: its reader may send the next message at once (ADR 11).
        let end = Box::pin(self.close_turn(closer, recorded)).await;
        end.log(steps, took);
        let unnamed = title.map(|words| Unnamed::new(words, &end));
        log.tell(Fact::Ended(Box::new(end)));
        // Only now: neither the answer nor the next message waits for a title (ADR 20).
        if let (Some(unnamed), Titles::Model) = (unnamed, self.settings.titles) {
            Box::pin(self.name(unnamed, &log)).await;
        }
    }

    /// A panic ends one turn, with an outcome like any other.
    async fn watched(
        &self,
        work: TurnInput,
        held: &HeldThread,
        request_id: &str,
    ) -> (Recorded, u32) {
        let (log, thread) = (Arc::clone(&work.log), work.thread.clone());
        // A future that is moved takes its size twice; only the box is moved here.
        let work = AssertUnwindSafe(Box::pin(self.work(work, held))).catch_unwind();
        let ended = select! {
            biased; // A lost reader is noticed before the next step.
            never = self.watch(&log, &held.interrupt) => match never {},
            ended = work => ended,
        };
        ended.unwrap_or_else(|_| {
            tracing::error!("A turn panicked");
            let finish = Finish::Model(crate::agents::ModelError::Failed("a fault".to_owned()));
            let told = message_for_person(&finish, &[], request_id);
            let (text, tool_calls, outcome) = (String::new(), Vec::new(), Outcome::Failed);
            let spend = Spend::unknown();
            let thread_spend = Some(held.spent + spend);
            let end = TurnEnd { thread, outcome, told, text, tool_calls, spend, thread_spend };
            (Recorded { end, last: None, is_final: false }, 0)
        })
    }

    async fn work(&self, work: TurnInput, held: &HeldThread) -> (Recorded, u32) {
        let TurnInput { thread, root, context, log, choice, transcript } = work;
        let interrupt = held.interrupt.clone();
        self.await_tools(&log).await;
        let choice = self.offered(choice, &log);
        let transcript = match transcript {
            Some(transcript) => transcript,
            None => self.transcript(&thread, &interrupt).await,
        };
        let scope = Scope {
            spent: held.spent,
            abilities: context.abilities,
            request_id: context.request_id,
        };
        let servers = servers_of(&self.tools.catalog());
        let scribe = Scribe::new(log, RunStart { thread, turn: root.clone(), servers }, scope);
        let (store, lease) = (Arc::clone(&self.store), held.lease.clone());
        let recorder = Arc::new(Recorder::new(store, lease, interrupt.clone(), scribe));
        let (store, lease) = (Arc::clone(&self.store), held.lease.clone());
        let tools = Arc::clone(&self.tools);
        let tools = JournaledTools::new(tools, store, lease, root, interrupt.clone());
        let driver = Driver {
            model: Arc::clone(&self.model),
            choice,
            tools: Arc::new(tools),
            caller: context.caller,
            time_zone: context.time_zone.unwrap_or_else(|| self.settings.time_zone.clone()),
            // From here on: neither the queue nor the wait for tools counts.
            deadline: Instant::now() + self.settings.turn_timeout,
            interrupt,
            listener: Arc::clone(&recorder) as _,
        };
        let run = Run::new(transcript, self.settings.limits);
        let run = run.within(self.settings.max_context_tokens);
        let steps = recorder.keeping(Box::pin(drive(run, driver))).await;
        (recorder.recorded(), steps)
    }

    /// Shortly after the start, or after a loss, servers may be about to connect. The user is told
    /// which are still missing.
    async fn await_tools(&self, log: &TurnLog) {
        if timeout(PATIENCE_WITH_TOOLS, self.tools.settled()).await.is_err() {
            tracing::warn!("Going on before every tool server has answered");
        }
        if let Some(message) = missing(&self.tools.catalog().missing) {
            log.tell(Fact::Notice { level: Level::Warning, message });
        }
    }

    async fn transcript(&self, thread: &ThreadId, interrupt: &Interrupt) -> Vec<Message> {
        match self.store.transcript(thread, TRANSCRIPT).await {
            Ok(messages) => for_model(messages, self.settings.max_context_tokens),
            Err(error) => {
                tracing::error!(error = &error as &dyn std::error::Error, "Transcript not read");
                // Without the history the model would answer something else.
                interrupt.raise(Finish::Storage);
                Vec::new()
            }
        }
    }

    /// Raises the interrupt when the turn must end. Never returns.
    async fn watch(&self, log: &TurnLog, interrupt: &Interrupt) -> Infallible {
        let left = async {
            log.deserted().await;
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
        }
    }
}

fn servers_of(catalog: &Catalog) -> Vec<Arc<str>> {
    let mut servers = Vec::new();
    for server in catalog.tools.iter().filter_map(|tool| tool.origin.server()) {
        if !servers.contains(server) {
            servers.push(Arc::clone(server));
        }
    }
    servers
}
