//! What a run tells the outside world, in our own words.

use std::sync::Arc;

use super::{Delta, ModelError, Overspent, ToolError};
use crate::domain::{
    CallId, Outcome, Question, Reply, Spend, ToolCall, ToolOrigin, ToolOutput, ToolResult,
};

/// Something that happened in a run.
#[derive(Clone, Debug, PartialEq)]
pub enum AgentEvent {
    /// The model said a piece.
    Said(Delta),
    /// Another model than the one asked for is about to speak.
    SpokenBy(Arc<str>),
    /// The model's reply is whole.
    Replied(Box<Reply>),
    /// Asking the model has cost so much, whatever came of it.
    Spent(Box<Spend>),
    /// A tool is about to run.
    ToolStarted {
        /// The call.
        call: Box<ToolCall>,
        /// Whose tool it is, if the tool exists.
        origin: Option<ToolOrigin>,
    },
    /// A tool says how far it is.
    ToolProgress(Box<ToolProgress>),
    /// A tool has run, or was refused.
    ToolFinished(Box<ToolEnd>),
    /// Every call of the last reply is answered.
    Answered(Vec<ToolResult>),
    /// The run is over; always the last event.
    Finished(Finish),
}

/// How far a tool is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToolProgress {
    /// Which call.
    pub call: CallId,
    /// In its own words.
    pub words: String,
}

/// How a call ended.
#[derive(Clone, Debug, PartialEq)]
pub struct ToolEnd {
    /// What the model reads of it.
    pub result: ToolResult,
    /// All that the tool gave, or why it gave nothing.
    pub answer: Result<ToolOutput, ToolError>,
}

/// Why a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finish {
    /// The model said all it had to say.
    Completed,
    /// The model asked the person.
    Asked(Vec<Question>),
    /// Nobody listens any more.
    Cancelled,
    /// The model was asked as often as allowed.
    StepLimit {
        /// How often that is.
        steps: u32,
    },
    /// What the turn may cost is used up.
    OverBudget(Box<Overspent>),
    /// The model made the same call over and over.
    Repeated {
        /// The tool it called.
        tool: String,
    },
    /// The time for the whole turn is over.
    Deadline,
    /// More was said than anybody reads.
    TooLong,
    /// The server is shutting down.
    ShutDown,
    /// What happened could not be kept.
    Storage,
    /// Another turn has taken the thread over, or it was deleted.
    Lost,
    /// The model gave no whole reply.
    Model(ModelError),
}

impl Finish {
    /// Whether nothing of the turn can be kept any more.
    pub const fn is_loss(&self) -> bool {
        matches!(self, Self::Storage | Self::Lost)
    }

    /// Whoever cannot keep anything must not say that it was merely stopped.
    pub(super) const fn outranks(&self, other: &Self) -> bool {
        self.is_loss() && !other.is_loss()
    }

    /// How a turn ends that ends so.
    pub const fn outcome(&self) -> Outcome {
        match self {
            Self::Completed => Outcome::Completed,
            Self::Asked(_) => Outcome::AwaitingInput,
            Self::Cancelled => Outcome::Cancelled,
            Self::StepLimit { .. }
            | Self::OverBudget(_)
            | Self::Repeated { .. }
            | Self::ShutDown
            | Self::Lost => Outcome::Stopped,
            Self::TooLong => Outcome::TooLong,
            Self::Deadline => Outcome::TimedOut,
            Self::Storage => Outcome::Failed,
            Self::Model(error) => error.outcome(),
        }
    }
}
