//! Who hears of a run, and what a model and a tool say to it while they work.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use futures::FutureExt;
use futures::future::{BoxFuture, ready};

use super::{AgentEvent, ToolProgress};
use crate::domain::{CallId, Spend};

/// Who hears of a run.
pub trait Listener: Send + Sync {
    /// Something happened. Never waits.
    fn on(&self, event: AgentEvent);

    /// Waits until everything that happened so far is dealt with: a reply is written down before
    /// anything is done for it.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future ends the waiting, not the work.
    fn settled(&self) -> BoxFuture<'_, ()>;
}

/// Where a tool says how far it is.
#[derive(Clone)]
pub struct Progress {
    call: CallId,
    listener: Arc<dyn Listener>,
}

/// A piece of what a model says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Delta {
    /// Of its thinking.
    Thought(String),
    /// Of its answer.
    Text(String),
}

/// Where a model's words go while it speaks.
pub struct Deltas {
    listener: Arc<dyn Listener>,
    /// Named before the first text, if it is not the model that was asked for.
    speaker: Option<Arc<str>>,
    has_spoken: Arc<AtomicBool>,
    has_thought: Arc<AtomicBool>,
    /// Whether thoughts go unsaid.
    is_silent_thinker: bool,
    /// By every model that was asked, whatever came of it.
    spent: Arc<Mutex<Spend>>,
}

impl Progress {
    /// Says it to this listener.
    pub fn new(call: CallId, listener: Arc<dyn Listener>) -> Self {
        Self { call, listener }
    }

    /// Says how far it is.
    pub fn say(&self, words: String) {
        let told = ToolProgress { call: self.call.clone(), words };
        self.listener.on(AgentEvent::ToolProgress(Box::new(told)));
    }
}

impl Deltas {
    /// Says each piece to this listener.
    pub fn new(listener: Arc<dyn Listener>) -> Self {
        let (has_spoken, has_thought) = (Arc::default(), Arc::default());
        let (speaker, is_silent_thinker, spent) = (None, false, Arc::default());
        Self { listener, speaker, has_spoken, has_thought, is_silent_thinker, spent }
    }

    /// Says each piece to nobody.
    pub fn unheard() -> Self {
        Self::new(Arc::new(Nobody))
    }

    /// The same place, for one attempt: if another has thought aloud, this one does not.
    #[must_use]
    pub fn for_attempt(&self) -> Self {
        let is_silent_thinker = self.has_thought.load(Ordering::Relaxed);
        Self { is_silent_thinker, ..self.shared() }
    }

    /// The same place, for another model that speaks instead.
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

    /// Whether text was said, so that nobody else may begin anew.
    pub fn has_spoken(&self) -> bool {
        self.has_spoken.load(Ordering::Relaxed)
    }

    /// Notes what a request cost, also one that came to nothing.
    pub fn spend(&self, more: Spend) {
        *self.spent.lock().unwrap_or_else(PoisonError::into_inner) += more;
    }

    /// What all requests cost so far.
    pub fn spent(&self) -> Spend {
        *self.spent.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says one piece.
    pub fn say(&self, delta: Delta) {
        match &delta {
            Delta::Text(_) => self.introduce(),
            Delta::Thought(_) if self.is_silent_thinker => return,
            Delta::Thought(_) => self.has_thought.store(true, Ordering::Relaxed),
        }
        self.listener.on(AgentEvent::Said(delta));
    }

    /// Says who speaks, if it is not the model that was asked for and was not said yet: before the
    /// first text, or for a reply that has none.
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
