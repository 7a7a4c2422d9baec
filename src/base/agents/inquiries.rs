//! Calls whose servers ask the person before they go on (ADR 44). Pure: decides which of them are
//! asked about, and what becomes of the others.

use std::collections::HashMap;

use super::ToolError;
use crate::domain::{Continuation, Inquiry, Resumption, ToolCall, ToolId, ToolResult};
use serde::{Deserialize, Serialize};

/// What the ids of such calls begin with. No question of a model and no approval has such an id.
pub(super) const PREFIX: &str = "inq_";

/// So many calls of one reply may have their servers ask.
const MAX_INQUIRED: usize = 5;

/// A call whose server asks the person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InquiredCall {
    /// Bound to this very call of this thread and to its tool as it is defined.
    pub id: String,
    pub tool: ToolId,
    pub inquiry: Inquiry,
}

/// What the person's answers mean for a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InquiryVerdict {
    Resume(Resumption),
    /// An answer cannot be sent as it is.
    AskAgain(Inquiry),
}

/// By the ids of the calls.
pub type InquiryVerdicts = HashMap<String, InquiryVerdict>;

/// The calls of the last reply whose servers ask.
#[derive(Debug, Default)]
pub(super) struct InquiryDesk {
    waiting: Vec<(ToolCall, InquiredCall)>,
    /// The tickets of calls that were given up, of which their servers do not know yet.
    given_up: Vec<String>,
}

impl InquiryVerdict {
    const fn continuation(&self) -> &Continuation {
        match self {
            Self::Resume(Resumption { continuation, .. })
            | Self::AskAgain(Inquiry { continuation, .. }) => continuation,
        }
    }
}

impl InquiryDesk {
    /// Whether there is room for one more call to wait.
    pub(super) const fn has_room(&self) -> bool {
        self.waiting.len() < MAX_INQUIRED
    }

    pub(super) fn wait(&mut self, call: ToolCall, inquired: InquiredCall) {
        self.waiting.push((call, inquired));
    }

    /// What the person is asked.
    pub(super) fn take(&mut self) -> Vec<InquiredCall> {
        std::mem::take(&mut self.waiting).into_iter().map(|(_, inquired)| inquired).collect()
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// The calls about which nobody is asked, and why.
    pub(super) fn give_up(&mut self) -> Vec<(ToolCall, ToolError)> {
        let waiting = std::mem::take(&mut self.waiting).into_iter();
        waiting.map(|(call, inquired)| (call, self.refuse(&inquired.inquiry))).collect()
    }

    /// Their results.
    pub(super) fn let_go(&mut self) -> Vec<ToolResult> {
        self.give_up().iter().map(|(call, why)| failed(call, why)).collect()
    }

    /// Gives up a call whose questions are not shown, and why.
    pub(super) fn refuse(&mut self, inquiry: &Inquiry) -> ToolError {
        self.given_up.extend(inquiry.continuation.ticket().map(str::to_owned));
        beside(inquiry)
    }

    /// What the person answered to calls with which nothing goes on.
    pub(super) fn forget(&mut self, replies: &InquiryVerdicts) {
        let tickets = replies.values().filter_map(|verdict| verdict.continuation().ticket());
        self.given_up.extend(tickets.map(str::to_owned));
    }

    /// The tickets of the calls that were given up since this was asked last.
    pub(super) fn take_given_up(&mut self) -> Vec<String> {
        std::mem::take(&mut self.given_up)
    }
}

/// Whether an id is that of a question that a server asks.
pub fn is_inquiry(id: &str) -> bool {
    id.starts_with(PREFIX)
}

/// Why a call is given up if its questions are not shown.
fn beside(inquiry: &Inquiry) -> ToolError {
    if is_under_way(inquiry) { ToolError::AnswerLost } else { ToolError::AsksBeside }
}

/// Whether the server may have acted: it waits in the middle of the call, or got an answer before.
fn is_under_way(inquiry: &Inquiry) -> bool {
    match inquiry.continuation {
        Continuation::Parked { .. } => true,
        Continuation::Retry { round, .. } => round > 1,
    }
}

/// Whether some of them are for calls that wait in this process.
pub(super) fn has_parked(replies: &InquiryVerdicts) -> bool {
    replies.values().any(|verdict| verdict.continuation().ticket().is_some())
}

/// The result of a call whose server was not answered, because the person wrote something else.
pub fn unanswered(call: &ToolCall, inquiry: Option<&Inquiry>) -> ToolResult {
    let error = if inquiry.is_none_or(is_under_way) {
        ToolError::UnansweredMidway
    } else {
        ToolError::Unanswered
    };
    failed(call, &error)
}

fn failed(call: &ToolCall, error: &ToolError) -> ToolResult {
    ToolResult::ours(call, error.to_string())
}
