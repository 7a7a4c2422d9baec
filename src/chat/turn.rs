//! One turn: from the kept message to its one honest end.

use std::sync::Arc;
use std::time::Duration;

use tokio::select;
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use super::recorder::{Recorder, Scope, notice_of_missing};
use super::{NewMessage, Settings, ThreadEvent, Threads, TurnEnd, for_model};
use crate::agents::{Driver, Finish, Interrupt, Model, Run, Tools, drive};
use crate::domain::{Item, Message, Thread, ThreadId};

/// So many events of the agent may wait for the scribe.
const BACKLOG: usize = 64;

/// The newest messages of a thread that are looked at.
const TRANSCRIPT: u32 = 400;

/// How long a first turn waits for tool servers that are still starting.
const PATIENCE_AT_START: Duration = Duration::from_secs(3);

/// What every turn of the house works with.
pub(super) struct Shared {
    pub(super) threads: Arc<dyn Threads>,
    pub(super) model: Arc<dyn Model>,
    pub(super) tools: Arc<dyn Tools>,
    pub(super) settings: Settings,
    /// Cancelled when running turns must end.
    pub(super) drained: CancellationToken,
}

/// A turn whose message is kept.
pub(super) struct Begun {
    pub(super) thread: Thread,
    pub(super) is_new: bool,
    pub(super) item: Item,
    pub(super) message: NewMessage,
    pub(super) listener: mpsc::Sender<ThreadEvent>,
    /// Held until the turn is over.
    pub(super) place: OwnedSemaphorePermit,
}

impl Shared {
    /// Answers a message; when nobody listens any more, the turn is cancelled in order.
    pub(super) async fn answer(self: Arc<Self>, begun: Begun) {
        let started = Instant::now();
        begun.announce().await;
        let interrupt = Interrupt::default();
        let listener = begun.listener.clone();
        let (end, steps) = select! {
            biased; // Whoever left is noticed before another step is taken.
            never = self.watch(&listener, &interrupt) => match never {},
            ended = self.work(begun, interrupt.clone()) => ended,
        };
        tracing::info!(
            outcome = end.outcome.as_str(),
            steps,
            tool_calls = end.tool_calls.len(),
            input_tokens = end.usage.input_tokens,
            output_tokens = end.usage.output_tokens,
            thinking_tokens = end.usage.thinking_tokens,
            duration_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
            "Turn ended"
        );
    }

    async fn work(&self, begun: Begun, interrupt: Interrupt) -> (TurnEnd, u32) {
        let Begun { thread, is_new, item, message, listener, place } = begun;
        self.await_tools(&listener).await;
        let (events, heard) = mpsc::channel(BACKLOG);
        let transcript = if is_new {
            vec![message.message()]
        } else {
            self.transcript(&thread.id, &interrupt).await
        };
        let scope = Scope {
            threads: Arc::clone(&self.threads),
            thread: thread.id.clone(),
            turn: item.id,
            listener,
            interrupt: interrupt.clone(),
            request_id: message.request_id,
        };
        let driver = Driver {
            model: Arc::clone(&self.model),
            tools: Arc::clone(&self.tools),
            time_zone: message.time_zone.unwrap_or_else(|| self.settings.time_zone.clone()),
            deadline: Instant::now() + self.settings.turn_timeout,
            interrupt,
            events,
        };
        let run = Run::new(transcript, self.settings.limits);
        let ended = tokio::join!(Recorder::new(scope).record(heard), drive(run, driver));
        drop(place);
        ended
    }

    /// Just after the start the tools are about to come; then what is still missing is told.
    async fn await_tools(&self, listener: &mpsc::Sender<ThreadEvent>) {
        if timeout(PATIENCE_AT_START, self.tools.settled()).await.is_err() {
            tracing::warn!("Going on before every tool server has answered");
        }
        if let Some(notice) = notice_of_missing(&self.tools.catalog().missing) {
            drop(listener.send(notice).await);
        }
    }

    async fn transcript(&self, thread: &ThreadId, interrupt: &Interrupt) -> Vec<Message> {
        match self.threads.transcript(thread, TRANSCRIPT).await {
            Ok(messages) => for_model(messages),
            Err(error) => {
                tracing::error!(error = &error as &dyn std::error::Error, "Transcript not read");
                interrupt.raise(Finish::Storage);
                Vec::new()
            }
        }
    }

    /// Raises the interrupt when the turn must end; never returns.
    async fn watch(
        &self,
        listener: &mpsc::Sender<ThreadEvent>,
        interrupt: &Interrupt,
    ) -> std::convert::Infallible {
        select! {
            () = listener.closed() => interrupt.raise(Finish::Cancelled),
            () = self.drained.cancelled() => interrupt.raise(Finish::ShutDown),
        }
        std::future::pending().await
    }
}

impl Begun {
    /// What every stream begins with.
    async fn announce(&self) {
        let created =
            self.is_new.then(|| ThreadEvent::ThreadCreated(Box::new(self.thread.clone())));
        let echo = ThreadEvent::ItemDone(Box::new(self.item.clone()));
        for event in created.into_iter().chain([echo, ThreadEvent::Stoppable]) {
            if self.listener.send(event).await.is_err() {
                return;
            }
        }
    }
}
