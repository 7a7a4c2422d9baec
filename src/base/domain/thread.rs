//! Threads, and pages of lists.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Owner, Spend, ThreadId};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Thread {
    pub id: ThreadId,
    pub owner: Owner,
    /// By the user, the model or the first words; `None` until there is one.
    pub title: Option<String>,
    /// To the microsecond.
    pub created_at: Timestamp,
    pub status: ThreadStatus,
    /// The total of its turns so far.
    pub spent: Spend,
    /// The tools that the person approved for this conversation, by their fingerprints (ADR 38).
    pub granted: Vec<String>,
}

/// Whether a thread accepts messages.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ThreadStatus {
    /// It accepts messages.
    #[default]
    Active,
    /// Not at the moment.
    Locked {
        /// For the user.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    /// Never again.
    Closed {
        /// For the user.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
}

/// Which part of a list is requested.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageRequest {
    /// In rows.
    pub limit: u32,
    pub order: Order,
    /// The id of the row after which the page begins.
    pub after: Option<String>,
}

/// The direction of a list, by time of creation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Order {
    Asc,
    #[default]
    Desc,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Page<T> {
    pub data: Vec<T>,
    /// Whether more rows follow.
    pub has_more: bool,
    /// The last row's id, to request the next page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
}

impl<T> Page<T> {
    pub const fn empty() -> Self {
        Self { data: Vec::new(), has_more: false, after: None }
    }
}
