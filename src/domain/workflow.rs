//! Steps that are shown while the model thinks or works.

use serde::{Deserialize, Serialize};

use super::Source;

/// Steps shown while the model thinks or works.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Workflow {
    /// Thinking or working.
    #[serde(rename = "type")]
    pub kind: WorkflowKind,
    /// The steps.
    pub tasks: Vec<Task>,
    /// Present once the workflow is over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub summary: Option<Summary>,
    /// Whether the front end shows it opened.
    pub expanded: bool,
}

/// What a workflow shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WorkflowKind {
    /// Tool calls.
    Custom,
    /// Thoughts.
    Reasoning,
}

/// What is said of a workflow that is over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Summary {
    /// How long it took.
    Took {
        /// In seconds.
        duration: u64,
    },
    /// In words.
    Titled {
        /// The words.
        title: String,
        /// A name of the front end's closed list.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        icon: Option<String>,
    },
}

/// One step of a workflow.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Task {
    /// Whether it is done.
    #[serde(default)]
    pub status_indicator: TaskStatus,
    /// What it is.
    #[serde(flatten)]
    pub content: TaskContent,
}

/// What a step is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum TaskContent {
    /// Anything; here, a tool call.
    Custom {
        /// What is being done.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        title: Option<String>,
        /// A name of the front end's closed list.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        icon: Option<String>,
        /// Markdown; here, how far it is or why it failed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        content: Option<String>,
    },
    /// A thought.
    Thought {
        /// What it is about.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        title: Option<String>,
        /// The thought so far.
        content: String,
    },
    /// A search of the web.
    WebSearch {
        /// What is being done.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        title: Option<String>,
        /// What is shown as searched for.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        title_query: Option<String>,
        /// What is searched for.
        #[serde(default)]
        queries: Vec<String>,
        /// What was found.
        #[serde(default)]
        sources: Vec<Source>,
    },
    /// Files that are read.
    File {
        /// What is being done.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        title: Option<String>,
        /// Which.
        #[serde(default)]
        sources: Vec<Source>,
    },
    /// A picture that is made.
    Image {
        /// What is being done.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        title: Option<String>,
    },
}

/// Whether a step is done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TaskStatus {
    /// Not said.
    #[default]
    None,
    /// Under way.
    Loading,
    /// Over.
    Complete,
}
