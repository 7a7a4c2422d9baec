//! Runs a turn: admission, answer, end. What happens on the way is in `agents`.

use std::convert::Infallible;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use tokio::select;
use tokio::time::{Instant, timeout};

use super::super::admission::{Admitted, HeldThread, Plan, Ready, ResumedCalls};
use super::super::context::ChatContext;
use super::super::forms::budget;
use super::super::record::recorder::{Recorded, Recorder};
use super::super::record::scope::Scope;
use super::super::record::scribe::Scribe;
use super::super::record::wording::{message_for_person, missing};
use super::super::repeat::{JournaledTools, admit};
use super::super::request::choice::offered_choice;
use super::super::request::job::{AnswerOrigin, TurnJob};
use super::super::results::{PagedTools, ReadableResults};
use super::super::{Fact, Level, RequestContext, Resource, RunStart, Titles, TurnEnd, for_model};
use super::TurnLog;
use super::closer::{Payer, TurnCloser, close_turn};
use super::title::{Unnamed, name_thread};
use base::agents::{Approvals, Driver, Finish, Interrupt, Run, Tools, drive};
use base::domain::{Catalog, ItemId, Message, Outcome, SpendByModel, ThreadId};

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
    resumed: ResumedCalls,
    /// The tools that are approved for the conversation.
    granted: Vec<String>,
}

/// Stores the question and answers it. Ends in an orderly way when no reader is left.
pub(crate) async fn run_turn(chat: Arc<ChatContext>, job: TurnJob) {
    // Boxed, and freed before the long part begins: every held stream would carry its size.
    let Some((job, ready)) = Box::pin(begun(&chat, job)).await else { return };
    // Copies join the turn until its end is announced.
    let TurnJob { request, attempt, thread, log, place, counted, in_flight: _joinable, .. } = job;
    let Ready { held, slot, started, transcript, title } = *ready;
    for event in started.events {
        log.tell(event);
    }
    let begun = Instant::now();
    let context = request.context;
    let request_id = context.request_id.clone();
    let owner = context.caller.owner.clone();
    let repeat = context.repeat.as_ref().map(|repeat| (repeat.key.clone(), attempt.clone()));
    let heard = Arc::clone(&log);
    let (root, choice, resumed) = (started.root, started.choice, started.resumed);
    let granted = started.granted.unwrap_or_else(|| held.granted.clone());
    let (recorded, steps) = match started.plan {
        Plan::Answer => {
            let log = heard;
            let input =
                TurnInput { thread, root, context, log, choice, transcript, resumed, granted };
            watched(&chat, input, &held, &request_id).await
        }
        Plan::StopHere => (budget::stopped(&held, &thread, &root), 0),
    };
    let took = begun.elapsed();
    let heard = Arc::clone(&log);
    let payer = Payer { owner, attempt };
    let unnamed = title.map(|words| (payer.clone(), words));
    let closer = TurnCloser { held, slot, place, counted, log: heard, repeat, request_id, payer };
    // Before the end is announced: its reader may send the next message at once (ADR 11).
    let end = Box::pin(close_turn(&chat, closer, recorded)).await;
    end.log(steps, took);
    let unnamed = unnamed.map(|(payer, words)| Unnamed::new(payer, words, &end));
    log.tell(Fact::Ended(Box::new(end)));
    // Only now: neither the answer nor the next message waits for a title (ADR 20).
    if let (Some(unnamed), Titles::Model) = (unnamed, chat.settings.titles) {
        Box::pin(name_thread(&chat, unnamed, &log)).await;
    }
}

/// Lets a turn begin. `None` if none does: its readers are told why, or what was answered before.
async fn begun(chat: &ChatContext, mut job: TurnJob) -> Option<(TurnJob, Box<Ready>)> {
    match admit(chat, &mut job).await {
        Ok(Admitted::Ready(ready)) => {
            job.accept(AnswerOrigin::Turn);
            if let Some(counted) = &mut job.counted {
                counted.keep();
            }
            return Some((job, ready));
        }
        Ok(Admitted::Replayed(events)) => {
            job.uncount().await;
            job.replay(events);
        }
        Err(error) => {
            job.uncount().await;
            job.refuse(error);
        }
    }
    None
}

/// A panic ends one turn, with an outcome like any other.
async fn watched(
    chat: &ChatContext,
    input: TurnInput,
    held: &HeldThread,
    request_id: &str,
) -> (Recorded, u32) {
    let (log, thread) = (Arc::clone(&input.log), input.thread.clone());
    // A future that is moved takes its size twice; only the box is moved here.
    let work = AssertUnwindSafe(Box::pin(work(chat, input, held))).catch_unwind();
    let ended = select! {
        biased; // A lost reader is noticed before the next step.
        never = watch(chat, &log, &held.interrupt) => match never {},
        ended = work => ended,
    };
    ended.unwrap_or_else(|_| {
        tracing::error!("A turn panicked");
        let finish = Finish::Model(base::agents::ModelError::Failed("a fault".to_owned()));
        let told = message_for_person(&finish, &[], request_id);
        let (text, tool_calls, outcome) = (String::new(), Vec::new(), Outcome::Failed);
        let spends = SpendByModel::unknown();
        let spend = spends.total();
        let thread_spend = Some(held.spent + spend);
        let end = TurnEnd {
            thread,
            outcome,
            told,
            text,
            tool_calls,
            spend,
            thread_spend,
            confirmation: None,
            sign_ins: Vec::new(),
        };
        (Recorded { end, last: None, is_final: false, spends }, 0)
    })
}

async fn work(chat: &ChatContext, input: TurnInput, held: &HeldThread) -> (Recorded, u32) {
    let TurnInput { thread, root, context, log, choice, transcript, resumed, granted } = input;
    let approvals = Approvals {
        rule: chat.settings.approvals,
        scope: [thread.to_string(), context.caller.owner.as_str().to_owned()],
        granted,
        answered: resumed.answered,
        begun: resumed.begun,
    };
    let interrupt = held.interrupt.clone();
    let tools = chat.tools.for_turn().unwrap_or_else(|| Arc::clone(&chat.tools));
    await_tools(&*tools, &log).await;
    let choice = offered_choice(chat, choice, &log);
    let transcript = match transcript {
        Some(transcript) => transcript,
        None => read_transcript(chat, &thread, &interrupt).await,
    };
    let scope = Scope::of(&context, held.spent, chat.settings.allowed_domains.clone());
    let servers = servers_of(&tools.catalog());
    let start = RunStart { thread: thread.clone(), turn: root.clone(), servers };
    let scribe = Scribe::new(log, start, scope);
    let (store, lease) = (Arc::clone(&chat.store), held.lease.clone());
    let recorder = Arc::new(Recorder::new(store, lease, interrupt.clone(), scribe));
    let tools = tools_of(chat, tools, (&thread, &root), held, &transcript);
    let driver = Driver {
        model: Arc::clone(&chat.model),
        choice,
        tools,
        caller: context.caller,
        time_zone: context.time_zone.unwrap_or_else(|| chat.settings.time_zone.clone()),
        // From here on: neither the queue nor the wait for tools counts.
        deadline: Instant::now() + chat.settings.turn_timeout,
        interrupt,
        listener: Arc::clone(&recorder) as _,
    };
    let run = Run::new(transcript, chat.settings.limits);
    let run = run.within(chat.settings.max_context_tokens).with_approvals(approvals);
    let run = run.with_replies(resumed.replies);
    let steps = recorder.keeping(Box::pin(drive(run, driver))).await;
    (recorder.recorded(), steps)
}

/// The tools of this turn: long answers are kept in pages, effects are made once, and pages can be
/// read.
fn tools_of(
    chat: &ChatContext,
    tools: Arc<dyn Tools>,
    (thread, root): (&ThreadId, &ItemId),
    held: &HeldThread,
    transcript: &[Message],
) -> Arc<dyn Tools> {
    let (store, lease) = (|| Arc::clone(&chat.store), || held.lease.clone());
    let tools = Arc::new(PagedTools::new(tools, store(), thread.clone(), lease()));
    let interrupt = held.interrupt.clone();
    let tools = Arc::new(JournaledTools::new(tools, store(), lease(), root.clone(), interrupt));
    Arc::new(ReadableResults::new(tools, store(), Resource::from(thread), transcript))
}

/// Shortly after the start, or after a loss, servers may be about to connect. The user is told
/// which are still missing.
async fn await_tools(tools: &dyn Tools, log: &TurnLog) {
    if timeout(PATIENCE_WITH_TOOLS, tools.settled()).await.is_err() {
        tracing::warn!("Going on before every tool server has answered");
    }
    if let Some(message) = missing(&tools.catalog().missing) {
        log.tell(Fact::Notice { level: Level::Warning, message });
    }
}

async fn read_transcript(
    chat: &ChatContext,
    thread: &ThreadId,
    interrupt: &Interrupt,
) -> Vec<Message> {
    match chat.store.transcript(thread, TRANSCRIPT).await {
        Ok(messages) => for_model(messages, chat.settings.max_context_tokens),
        Err(error) => {
            tracing::error!(error = &error as &dyn std::error::Error, "Transcript not read");
            // Without the history the model would answer something else.
            interrupt.raise(Finish::Storage);
            Vec::new()
        }
    }
}

/// Raises the interrupt when the turn must end. Never returns.
async fn watch(chat: &ChatContext, log: &TurnLog, interrupt: &Interrupt) -> Infallible {
    let left = async {
        log.deserted().await;
        interrupt.raise(Finish::Cancelled);
        std::future::pending::<Infallible>().await
    };
    let drained = async {
        chat.drained.cancelled().await;
        interrupt.raise(Finish::ShutDown);
        std::future::pending::<Infallible>().await
    };
    select! {
        never = left => never,
        never = drained => never,
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
