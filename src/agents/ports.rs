//! What the loop needs from the outside, and nothing more.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::future::BoxFuture;
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::{AgentEvent, ToolProgress};
use crate::domain::{CallId, Catalog, Message, Outcome, Reply, Spend, Tool, ToolCall, ToolOutput};

/// A chat model.
pub trait Model: Send + Sync {
    /// Answers the transcript, saying each piece to `deltas` as it comes.
    ///
    /// Every reply that is not whole is an error, whatever was shown of it.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future closes the upstream request.
    fn reply<'a>(
        &'a self,
        request: ModelRequest<'a>,
        deltas: &'a Deltas,
    ) -> BoxFuture<'a, Result<Reply, ModelError>>;

    /// The ids of those that can be asked for, the usual one first.
    fn choices(&self) -> &[Arc<str>] {
        &[]
    }

    /// How long calls are refused at once, without being sent or waited with, if they are. Asked in
    /// place of a call, so a refusal counts like that of a call.
    fn refuses_for(&self) -> Option<Duration>;
}

/// The tools an agent may use.
pub trait Tools: Send + Sync {
    /// Waits until every server has connected or failed to, since the start or since it was lost.
    fn settled(&self) -> BoxFuture<'_, ()>;

    /// What is on offer now.
    fn catalog(&self) -> Arc<Catalog>;

    /// Runs one call of a tool in the catalog.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future tells the server to stop, but the effect may have happened.
    fn call<'a>(&'a self, request: ToolRequest<'a>)
    -> BoxFuture<'a, Result<ToolOutput, ToolError>>;
}

/// What a model is asked.
#[derive(Clone, Copy, Debug)]
pub struct ModelRequest<'a> {
    /// The id of the one that is asked for; without it, or if it is unknown, the usual one.
    pub model: Option<&'a str>,
    /// Who the model is and what it should know today.
    pub system: &'a str,
    /// The conversation so far.
    pub messages: &'a [Message],
    /// What it may call.
    pub tools: &'a [Tool],
    /// When the whole turn must be over.
    pub deadline: Instant,
}

/// What a tool is asked to do.
#[derive(Clone, Copy, Debug)]
pub struct ToolRequest<'a> {
    /// The call, as the model wrote it.
    pub call: &'a ToolCall,
    /// The same for the same effect: a server that honours keys does it only once.
    pub key: Option<&'a str>,
    /// When the whole turn must be over.
    pub deadline: Instant,
    /// Who hears how far it is.
    pub progress: &'a Progress,
}

/// Where a tool says how far it is.
#[derive(Clone, Debug)]
pub struct Progress {
    call: CallId,
    events: mpsc::Sender<AgentEvent>,
}

/// A piece of what a model says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Delta {
    /// Of its thinking.
    Thought(String),
    /// Of its answer.
    Text(String),
}

/// Where a model's words go while it speaks: bounded, so a slow reader slows the model.
#[derive(Debug)]
pub struct Deltas {
    events: mpsc::Sender<AgentEvent>,
    /// Named before the first text, if it is not the model that was asked for.
    speaker: Option<Arc<str>>,
    has_spoken: Arc<AtomicBool>,
    has_thought: Arc<AtomicBool>,
    /// Whether thoughts go unsaid.
    is_silent_thinker: bool,
    /// By every model that was asked, whatever came of it.
    spent: Arc<Mutex<Spend>>,
}

/// Why the model gave no whole reply.
///
/// `Display` is for the log; [`ModelError::told`] is for the person.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ModelError {
    /// Nothing was sent, or the provider is down or asks for patience.
    #[error("model unavailable: {reason}")]
    Unavailable {
        /// Why, without the provider's own words.
        reason: String,
        /// When trying again may help.
        retry_in: Option<Duration>,
    },
    /// The provider refuses our request; only an operator can change that.
    #[error("model refused the request")]
    Misconfigured,
    /// The provider does not, or no longer, offer this model; what to do about it.
    #[error("model is not offered: {0}")]
    Unoffered(String),
    /// What was paid for is used up; the words name it.
    #[error("model has spent {0}")]
    Spent(&'static str),
    /// A deadline passed; the words name it.
    #[error("model timed out: {0}")]
    TimedOut(&'static str),
    /// The provider blocked the prompt or the answer.
    #[error("model blocked: {0}")]
    Blocked(String),
    /// The length limit was hit.
    #[error("model hit its length limit")]
    TooLong,
    /// Nothing came.
    #[error("model reply was empty")]
    Empty,
    /// A call came that nobody can read.
    #[error("model wrote a malformed call")]
    Malformed,
    /// The reply broke off.
    #[error("model reply broke off")]
    Truncated,
    /// Anything else, in our own words.
    #[error("model failed: {0}")]
    Failed(String),
}

/// Why a call got no answer from its tool.
///
/// `Display` goes to the model: short words without internals.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ToolError {
    /// The tool answered that it failed; its own words.
    #[error("{0}")]
    Refused(String),
    /// The tool wants to know more first, which it cannot be told yet.
    #[error(
        "the tool asks for more input, which cannot be given here, so it did nothing; if its \
         arguments allow, say it there"
    )]
    Asks,
    /// No tool of that name is on offer.
    #[error("there is no tool named like this; use one of the tools on offer")]
    Unknown,
    /// The arguments are not one JSON object.
    #[error("the arguments are not one JSON object; call again with a JSON object")]
    Arguments,
    /// Nothing was sent.
    #[error("the server of this tool cannot be reached now, so nothing was done; tell the user")]
    Unavailable,
    /// The model made this very call too often.
    #[error("this very call was made too often, so it was not made again")]
    Repeated,
    /// It was begun before, and nobody knows how it ended.
    #[error(
        "this very call was begun before and whether it took effect is unknown, so it was not \
         made again; check first"
    )]
    Begun,
    /// The questions to the person cannot be read.
    #[error("give 1 to 5 questions, each an object with a question and, if you like, options")]
    Questions,
    /// The turn ended before it was made.
    #[error("the turn ended before this call was made, so nothing was done")]
    NotMade,
    /// No answer in time.
    #[error("the tool did not answer in time; whether it took effect is unknown, so check first")]
    TimedOut,
    /// The server answered that it failed inside, or with nothing readable; its own words.
    #[error(
        "the tool's server failed at this call: {0}; whether it took effect is unknown, so check \
         first"
    )]
    Broken(String),
    /// The connection broke while the tool ran.
    #[error("the connection to the tool broke; whether it took effect is unknown, so check first")]
    Lost,
}

/// What is known of the effect of a call that got no result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Certainty {
    /// The call was not made, so nothing was done.
    NotMade,
    /// The tool itself said no.
    Refused,
    /// The tool waits for an answer before it does anything.
    Asks,
    /// It may have happened.
    Unknown,
}

impl ToolError {
    /// What is known of the effect. In doubt it is unknown: a call told as refused may be made again.
    pub const fn certainty(&self) -> Certainty {
        match self {
            Self::Unknown
            | Self::Arguments
            | Self::Unavailable
            | Self::Repeated
            | Self::Questions
            | Self::NotMade => Certainty::NotMade,
            Self::Refused(_) => Certainty::Refused,
            Self::Asks => Certainty::Asks,
            Self::Begun | Self::TimedOut | Self::Broken(_) | Self::Lost => Certainty::Unknown,
        }
    }
}

impl Progress {
    /// Says it on the run's own channel.
    pub const fn new(call: CallId, events: mpsc::Sender<AgentEvent>) -> Self {
        Self { call, events }
    }

    /// Says how far it is, unless so much is waiting to be said that nobody would miss it.
    pub fn say(&self, words: String) {
        let told =
            AgentEvent::ToolProgress(Box::new(ToolProgress { call: self.call.clone(), words }));
        if self.events.try_send(told).is_err() {
            tracing::debug!("Nobody has time for progress");
        }
    }
}

impl Deltas {
    /// Says each piece on the run's own channel.
    pub fn new(events: mpsc::Sender<AgentEvent>) -> Self {
        let (has_spoken, has_thought) = (Arc::default(), Arc::default());
        let (speaker, is_silent_thinker, spent) = (None, false, Arc::default());
        Self { events, speaker, has_spoken, has_thought, is_silent_thinker, spent }
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
            events: self.events.clone(),
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

    /// Says one piece; a listener that went away is no reason to fail.
    pub async fn say(&self, delta: Delta) {
        match &delta {
            Delta::Text(_) => self.introduce().await,
            Delta::Thought(_) if self.is_silent_thinker => return,
            Delta::Thought(_) => self.has_thought.store(true, Ordering::Relaxed),
        }
        self.send(AgentEvent::Said(delta)).await;
    }

    /// Says who speaks, if it is not the model that was asked for and was not said yet: before the
    /// first text, or for a reply that has none.
    pub async fn introduce(&self) {
        if !self.has_spoken.swap(true, Ordering::Relaxed)
            && let Some(speaker) = &self.speaker
        {
            self.send(AgentEvent::SpokenBy(Arc::clone(speaker))).await;
        }
    }

    async fn send(&self, event: AgentEvent) {
        if self.events.send(event).await.is_err() {
            tracing::debug!("Nobody listens to the model any more");
        }
    }
}

impl ModelError {
    /// How a turn ends that ends with this.
    pub const fn outcome(&self) -> Outcome {
        match self {
            Self::Unavailable { .. } | Self::Spent(_) => Outcome::Unavailable,
            Self::TimedOut(_) => Outcome::TimedOut,
            Self::Blocked(_) => Outcome::Blocked,
            Self::TooLong => Outcome::TooLong,
            Self::Empty => Outcome::Empty,
            Self::Malformed => Outcome::Malformed,
            Self::Truncated => Outcome::Truncated,
            Self::Misconfigured | Self::Unoffered(_) | Self::Failed(_) => Outcome::Failed,
        }
    }

    /// What the person is told.
    pub fn told(&self) -> String {
        match self {
            Self::Unavailable { retry_in: Some(wait), .. } => {
                let seconds = wait.as_secs().saturating_add(1);
                format!("The model is not available right now. Try again in {seconds} s.")
            }
            Self::Unavailable { retry_in: None, .. } => {
                "The model is not available right now. Try again in a moment.".to_owned()
            }
            Self::Misconfigured => "The model's provider refuses the requests of this server. \
                 Whoever runs it reads what to change in its log or under /health."
                .to_owned(),
            Self::Unoffered(remedy) => format!("The model cannot answer: {remedy}."),
            Self::Spent(what) => format!(
                "The model cannot answer: {what} is used up. Try again later; whoever runs \
                 this server may raise it."
            ),
            Self::TimedOut(what) => format!("The model took too long ({what}). Try again."),
            Self::Blocked(_) => "The model's provider refused to answer this message.".to_owned(),
            Self::TooLong => "The answer was cut: the model reached its length limit.".to_owned(),
            Self::Empty => "The model gave an empty answer. Try again.".to_owned(),
            Self::Malformed => "The model wrote a tool call nobody can read. Try again.".to_owned(),
            Self::Truncated => "The model's answer broke off. Try again.".to_owned(),
            Self::Failed(_) => "The model failed to answer. Try again.".to_owned(),
        }
    }
}
