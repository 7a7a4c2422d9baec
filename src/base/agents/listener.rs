//! Receives what happens in a run: its events, and the text of a model and the progress of a tool
//! while they work.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use futures::FutureExt;
use futures::future::{BoxFuture, ready};

use super::{AgentEvent, ToolProgress};
use crate::domain::{CallId, ModelSpend, SpendByModel};

pub trait Listener: Send + Sync {
    /// Something happened. Must not wait, because the run would wait with it (ADR 24).
    fn on(&self, event: AgentEvent);

    /// Waits until all events so far are processed: a reply is stored before its calls are made
    /// (ADR 12).
    ///
    /// # Cancel safety
    ///
    /// Dropping the future ends the waiting, not the work.
    fn settled(&self) -> BoxFuture<'_, ()>;
}

/// Where a tool reports its progress.
#[derive(Clone)]
pub struct Progress {
    call: CallId,
    listener: Arc<dyn Listener>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Delta {
    Thought(String),
    Text(String),
}

/// Where a model's text goes while it answers. Shared by all attempts at one reply.
pub struct Deltas {
    listener: Arc<dyn Listener>,
    /// Announced before the first text, if it is not the requested model.
    speaker: Option<Arc<str>>,
    has_spoken: Arc<AtomicBool>,
    has_thought: Arc<AtomicBool>,
    /// Whether thoughts are dropped.
    is_silent_thinker: bool,
    /// The cost of all requests, also of those that failed.
    spent: Arc<Mutex<SpendByModel>>,
}

impl Progress {
    pub fn new(call: CallId, listener: Arc<dyn Listener>) -> Self {
        Self { call, listener }
    }

    pub fn say(&self, words: String) {
        let told = ToolProgress { call: self.call.clone(), words };
        self.listener.on(AgentEvent::ToolProgress(Box::new(told)));
    }
}

impl Deltas {
    pub fn new(listener: Arc<dyn Listener>) -> Self {
        let (has_spoken, has_thought) = (Arc::default(), Arc::default());
        let (speaker, is_silent_thinker, spent) = (None, false, Arc::default());
        Self { listener, speaker, has_spoken, has_thought, is_silent_thinker, spent }
    }

    /// For a reply that no user reads while it grows, such as a title.
    pub fn unheard() -> Self {
        Self::new(Arc::new(Nobody))
    }

    /// The same, for one attempt. If an earlier attempt has shown thoughts, this one shows none.
    #[must_use]
    pub fn for_attempt(&self) -> Self {
        let is_silent_thinker = self.has_thought.load(Ordering::Relaxed);
        Self { is_silent_thinker, ..self.shared() }
    }

    /// The same, for a fallback model.
    #[must_use]
    pub fn spoken_by(&self, speaker: &Arc<str>) -> Self {
        Self { speaker: Some(Arc::clone(speaker)), ..self.shared() }
    }

    fn shared(&self) -> Self {
        Self {
            listener: Arc::clone(&self.listener),
            speaker: self.speaker.clone(),
            has_spoken: Arc::clone(&self.has_spoken),
            has_thought: Arc::clone(&self.has_thought),
            is_silent_thinker: self.is_silent_thinker,
            spent: Arc::clone(&self.spent),
        }
    }

    /// Whether text was shown. From then on the request must not be retried (ADR 15).
    pub fn has_spoken(&self) -> bool {
        self.has_spoken.load(Ordering::Relaxed)
    }

    /// Adds the cost of a request to a model, also of one that failed (ADR 16).
    pub fn spend(&self, more: ModelSpend) {
        self.spent.lock().unwrap_or_else(PoisonError::into_inner).add(more);
    }

    /// The cost of all requests so far.
    pub fn spent(&self) -> SpendByModel {
        self.spent.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub fn say(&self, delta: Delta) {
        match &delta {
            Delta::Text(_) => self.introduce(),
            Delta::Thought(_) if self.is_silent_thinker => return,
            Delta::Thought(_) => self.has_thought.store(true, Ordering::Relaxed),
        }
        self.listener.on(AgentEvent::Said(delta));
    }

    /// Announces a model that is not the requested one, once: before its first text, or for a reply
    /// without text (ADR 15).
    pub fn introduce(&self) {
        if !self.has_spoken.swap(true, Ordering::Relaxed)
            && let Some(speaker) = &self.speaker
        {
            self.listener.on(AgentEvent::SpokenBy(Arc::clone(speaker)));
        }
    }
}

struct Nobody;

impl Listener for Nobody {
    fn on(&self, _: AgentEvent) {}

    fn settled(&self) -> BoxFuture<'_, ()> {
        ready(()).boxed()
    }
}

impl fmt::Debug for Progress {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Progress").field("call", &self.call).finish_non_exhaustive()
    }
}

impl fmt::Debug for Deltas {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Deltas").field("speaker", &self.speaker).finish_non_exhaustive()
    }
}
