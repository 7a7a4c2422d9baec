//! Steps that are shown while the model thinks or works, in ChatKit's JSON (ADR 8).

use serde::{Deserialize, Serialize};

use super::Source;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Workflow {
    #[serde(rename = "type")]
    pub kind: WorkflowKind,
    pub tasks: Vec<Task>,
    /// Absent while the workflow runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub summary: Option<Summary>,
    /// Whether the front end shows the steps at first.
    pub expanded: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WorkflowKind {
    /// Calls of tools.
    Custom,
    /// Thoughts.
    Reasoning,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Summary {
    Took {
        /// In seconds.
        duration: u64,
    },
    Titled {
        title: String,
        /// A name from ChatKit's closed list.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        icon: Option<String>,
    },
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Task {
    #[serde(default)]
    pub status_indicator: TaskStatus,
    #[serde(flatten)]
    pub content: TaskContent,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum TaskContent {
    /// Anything; we use it for a tool call.
    Custom {
        /// What is being done.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        title: Option<String>,
        /// A name from ChatKit's closed list.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        icon: Option<String>,
        /// Markdown; we use it for progress, or why a call failed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        content: Option<String>,
    },
    Thought {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        title: Option<String>,
        /// The thought so far.
        content: String,
    },
    WebSearch {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        title: Option<String>,
        /// The query as it is shown.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        title_query: Option<String>,
        #[serde(default)]
        queries: Vec<String>,
        #[serde(default)]
        sources: Vec<Source>,
    },
    File {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        title: Option<String>,
        #[serde(default)]
        sources: Vec<Source>,
    },
    Image {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        title: Option<String>,
    },
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TaskStatus {
    /// Unknown, or failed.
    #[default]
    None,
    Loading,
    Complete,
}
