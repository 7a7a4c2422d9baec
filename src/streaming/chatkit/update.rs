//! How items grow, in ChatKit's words.

use serde::Serialize;

use crate::domain::{OutputText, Task};

/// We write one part per message.
const PART: usize = 0;

/// How an item grew.
#[derive(Debug, Serialize)]
#[serde(tag = "type")]
pub(super) enum Update<'a> {
    /// The message's part begins.
    #[serde(rename = "assistant_message.content_part.added")]
    PartAdded {
        /// Which part.
        content_index: usize,
        /// Empty.
        content: OutputText,
    },
    /// The message's part grows.
    #[serde(rename = "assistant_message.content_part.text_delta")]
    TextDelta {
        /// Which part.
        content_index: usize,
        /// By what.
        delta: &'a str,
    },
    /// A step begins.
    #[serde(rename = "workflow.task.added")]
    TaskAdded {
        /// Which.
        task_index: usize,
        /// The step.
        task: &'a Task,
    },
    /// A step changed.
    #[serde(rename = "workflow.task.updated")]
    TaskUpdated {
        /// Which.
        task_index: usize,
        /// The whole step.
        task: &'a Task,
    },
}

impl<'a> Update<'a> {
    /// The message's one part, still empty.
    pub(super) fn part() -> Self {
        Self::PartAdded { content_index: PART, content: OutputText::default() }
    }

    pub(super) const fn delta(delta: &'a str) -> Self {
        Self::TextDelta { content_index: PART, delta }
    }
}
