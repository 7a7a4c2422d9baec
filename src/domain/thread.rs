//! A conversation, and pages of things.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Spend, ThreadId};

/// A conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Thread {
    /// Its name.
    pub id: ThreadId,
    /// What the person calls it.
    pub title: Option<String>,
    /// When it began, to the microsecond.
    pub created_at: Timestamp,
    /// Whether it takes messages.
    pub status: ThreadStatus,
    /// What its turns have cost so far.
    pub spent: Spend,
}

/// Whether a thread takes messages.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ThreadStatus {
    /// It does.
    #[default]
    Active,
    /// Not now.
    Locked {
        /// Why, for the person.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    /// Never again.
    Closed {
        /// Why, for the person.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
}

/// Which part of a list is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageRequest {
    /// At most so many rows.
    pub limit: u32,
    /// Oldest or newest first.
    pub order: Order,
    /// The row after which the page begins.
    pub after: Option<String>,
}

/// The direction of a list, by time of creation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Order {
    /// Oldest first.
    Asc,
    /// Newest first.
    #[default]
    Desc,
}

/// One part of a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Page<T> {
    /// The rows.
    pub data: Vec<T>,
    /// Whether there are rows after these.
    pub has_more: bool,
    /// The last row's id, to ask for what follows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
}

impl<T> Page<T> {
    /// A page without rows.
    pub const fn empty() -> Self {
        Self { data: Vec::new(), has_more: false, after: None }
    }
}
