//! How items grow, in ChatKit's terms.

use serde::Serialize;

use base::domain::{OutputText, Task};

/// We write one part per message.
const PART: usize = 0;

#[derive(Debug, Serialize)]
#[serde(tag = "type")]
pub(super) enum Update<'a> {
    #[serde(rename = "assistant_message.content_part.added")]
    PartAdded { content_index: usize, content: OutputText },
    #[serde(rename = "assistant_message.content_part.text_delta")]
    TextDelta { content_index: usize, delta: &'a str },
    #[serde(rename = "workflow.task.added")]
    TaskAdded { task_index: usize, task: &'a Task },
    #[serde(rename = "workflow.task.updated")]
    TaskUpdated {
        task_index: usize,
        /// The complete step.
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
