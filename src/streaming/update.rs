//! How items grow, in ChatKit's words.

use serde::Serialize;

use crate::chat::ItemUpdate;
use crate::domain::{OutputText, Task};

/// We write one part per message.
const PART: usize = 0;

/// How an item grew.
#[derive(Debug, Serialize)]
#[serde(tag = "type")]
pub enum Update<'a> {
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

impl<'a> From<&'a ItemUpdate> for Update<'a> {
    fn from(update: &'a ItemUpdate) -> Self {
        match update {
            ItemUpdate::TextBegun => {
                Self::PartAdded { content_index: PART, content: OutputText::default() }
            }
            ItemUpdate::TextDelta(delta) => Self::TextDelta { content_index: PART, delta },
            ItemUpdate::TaskAdded(task_index, task) => {
                Self::TaskAdded { task_index: *task_index, task }
            }
            ItemUpdate::TaskUpdated(task_index, task) => {
                Self::TaskUpdated { task_index: *task_index, task }
            }
        }
    }
}
