//! The calls of a reply as they will be made, and which of them run together.

use super::{Certainty, ToolError};
use crate::domain::{Effect, Resumption, ToolCall};

/// Calls that may run at the same time.
pub type Batch = Vec<Planned>;

#[derive(Clone, Debug, PartialEq)]
pub struct Planned {
    pub call: ToolCall,
    pub effect: Effect,
    /// If set, the call is not made, and this is its result.
    pub refusal: Option<ToolError>,
    /// What its server asked for and now gets (ADR 44).
    pub resumed: Option<Box<Resumption>>,
    /// Whether an earlier try began it: its effect may have happened (ADR 12).
    pub is_begun: bool,
}

impl Planned {
    /// Of the call in this process with which it goes on.
    pub(super) fn ticket(&self) -> Option<&str> {
        self.resumed.as_ref()?.continuation.ticket()
    }

    /// What is told of it without a result. That it is not made now says nothing about its beginning.
    pub(super) fn told(&self, error: ToolError) -> ToolError {
        if error.certainty() != Certainty::NotMade {
            error
        } else if self.ticket().is_some() {
            ToolError::AnswerLost
        } else if self.is_begun {
            ToolError::Begun
        } else {
            error
        }
    }
}

pub(super) fn refused(call: ToolCall, refusal: ToolError) -> Planned {
    // It is not made, so it may run beside others.
    Planned { refusal: Some(refusal), ..made(call, Effect::ReadOnly) }
}

pub(super) const fn made(call: ToolCall, effect: Effect) -> Planned {
    Planned { call, effect, refusal: None, resumed: None, is_begun: false }
}

/// Neighbouring calls that only read run together; any other call runs alone, in its place.
pub(super) fn batches(plan: impl Iterator<Item = Planned>) -> Vec<Batch> {
    let mut batches: Vec<Batch> = Vec::new();
    for planned in plan {
        match batches.last_mut() {
            Some(batch) if reads(&planned) && batch.iter().all(reads) => batch.push(planned),
            _ => batches.push(vec![planned]),
        }
    }
    batches
}

fn reads(planned: &Planned) -> bool {
    planned.effect == Effect::ReadOnly
}
