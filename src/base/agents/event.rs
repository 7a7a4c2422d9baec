//! What a run reports, independent of any provider and any wire.

use std::sync::Arc;

use super::{Delta, HeldCall, InquiredCall, ModelError, Overspent, ToolError};
use crate::domain::{
    CallId, Outcome, Question, Reply, SpendByModel, ToolCall, ToolOrigin, ToolOutput, ToolResult,
};

#[derive(Clone, Debug, PartialEq)]
pub enum AgentEvent {
    /// A piece of text or of a thought.
    Said(Delta),
    /// Another model than the requested one is about to answer.
    SpokenBy(Arc<str>),
    /// The model's reply is complete.
    Replied(Box<Reply>),
    /// The cost of a request to the model, also of one that failed.
    Spent(Box<SpendByModel>),
    /// A tool is about to be called.
    ToolStarted {
        call: Box<ToolCall>,
        /// Whose tool it is; `None` if there is no such tool.
        origin: Option<ToolOrigin>,
    },
    ToolProgress(Box<ToolProgress>),
    /// A tool has answered, or the call was refused.
    ToolFinished(Box<ToolEnd>),
    /// Its server asks the person first, so it has no answer yet.
    ToolWaits(CallId),
    /// Every call of the last reply has its result.
    Answered(Vec<ToolResult>),
    /// The run is over; always the last event.
    Finished(Finish),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToolProgress {
    pub call: CallId,
    /// The tool's own words.
    pub words: String,
}

#[derive(Clone, Debug, PartialEq)]
pub struct ToolEnd {
    /// What the model reads.
    pub result: ToolResult,
    /// Everything that the tool returned, or why there is nothing.
    pub answer: Result<ToolOutput, ToolError>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finish {
    /// The last reply is complete and has no calls.
    Completed,
    /// The model asked the user.
    Asked(Vec<Question>),
    /// Calls wait for the person's approval.
    Held(Vec<HeldCall>),
    /// The servers of calls ask the person.
    Inquired(Vec<InquiredCall>),
    /// The last reader has left.
    Cancelled,
    /// The model was asked as often as allowed.
    StepLimit {
        steps: u32,
    },
    /// The budget of the turn is used up.
    OverBudget(Box<Overspent>),
    /// The model made the same call again and again.
    Repeated {
        tool: String,
    },
    /// The time of the turn is over.
    Deadline,
    /// The turn has more text than allowed.
    TooLong,
    ShutDown,
    /// Something could not be stored.
    Storage,
    /// The lease is lost: another turn holds the thread, or it was deleted.
    Lost,
    /// The model gave no complete reply.
    Model(ModelError),
}

impl Finish {
    /// Whether nothing of the turn can be stored any more.
    pub const fn is_loss(&self) -> bool {
        matches!(self, Self::Storage | Self::Lost)
    }

    /// If nothing can be stored, the turn must not end as merely stopped (ADR 24).
    pub(super) const fn outranks(&self, other: &Self) -> bool {
        self.is_loss() && !other.is_loss()
    }

    /// The outcome of a turn that ends like this.
    pub const fn outcome(&self) -> Outcome {
        match self {
            Self::Completed => Outcome::Completed,
            Self::Asked(_) | Self::Held(_) | Self::Inquired(_) => Outcome::AwaitingInput,
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
