//! The frames of a ChatKit stream.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value};

use super::update::Update;
use crate::chat::Level;
use crate::domain::{Item, ItemId, Page, Thread, ThreadId, ThreadStatus};

/// One event of a ChatKit stream.
#[derive(Debug, Serialize)]
#[serde(tag = "type")]
pub(super) enum Frame<'a> {
    /// A thread began.
    #[serde(rename = "thread.created")]
    ThreadCreated {
        /// Which; its page of items is empty here.
        thread: ThreadView<'a>,
    },
    /// A thread's title or status changed.
    #[serde(rename = "thread.updated")]
    ThreadUpdated {
        /// As it is now; its page of items is empty here.
        thread: ThreadView<'a>,
    },
    /// An item began.
    #[serde(rename = "thread.item.added")]
    ItemAdded {
        /// As it begins.
        item: &'a Item,
    },
    /// An item grew.
    #[serde(rename = "thread.item.updated")]
    ItemUpdated {
        /// Which.
        item_id: &'a ItemId,
        /// How.
        update: Update<'a>,
    },
    /// An item is whole.
    #[serde(rename = "thread.item.done")]
    ItemDone {
        /// As it is kept.
        item: &'a Item,
    },
    /// An item is another one now.
    #[serde(rename = "thread.item.replaced")]
    ItemReplaced {
        /// As it is kept.
        item: &'a Item,
    },
    /// What is being done, for the moment.
    #[serde(rename = "progress_update")]
    Progress {
        /// In words.
        text: &'a str,
    },
    /// What the front end may offer.
    #[serde(rename = "stream_options")]
    StreamOptions {
        /// The options.
        stream_options: ChatKitStreamOptions,
    },
    /// Something worth knowing.
    #[serde(rename = "notice")]
    Notice {
        /// How grave it is.
        level: &'static str,
        /// Markdown.
        message: &'a str,
    },
    /// The turn did not succeed.
    #[serde(rename = "error")]
    Error {
        /// Always `custom`: the words are ours.
        code: &'static str,
        /// For the person.
        message: &'a str,
        /// Whether the front end offers to try again.
        allow_retry: bool,
    },
}

/// What the front end may offer.
#[derive(Debug, Serialize)]
pub(super) struct ChatKitStreamOptions {
    /// A stop button.
    pub allow_cancel: bool,
}

/// A thread as ChatKit shows it. Our own metadata is never shown.
#[derive(Debug, Serialize)]
pub struct ThreadView<'a> {
    id: &'a ThreadId,
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<&'a str>,
    created_at: Timestamp,
    status: &'a ThreadStatus,
    metadata: Map<String, Value>,
    items: Page<Item>,
}

impl<'a> ThreadView<'a> {
    /// A thread with one page of its items.
    pub fn new(thread: &'a Thread, mut items: Page<Item>) -> Self {
        items.data.retain(|item| !item.is_hidden());
        Self {
            id: &thread.id,
            title: thread.title.as_deref(),
            created_at: thread.created_at,
            status: &thread.status,
            metadata: Map::new(),
            items,
        }
    }
}

impl<'a> Frame<'a> {
    /// The front end may offer to stop.
    pub(super) const fn stoppable() -> Self {
        Self::StreamOptions { stream_options: ChatKitStreamOptions { allow_cancel: true } }
    }

    pub(super) const fn notice(level: Level, message: &'a str) -> Self {
        let level = match level {
            Level::Info => "info",
            Level::Warning => "warning",
        };
        Self::Notice { level, message }
    }
}
