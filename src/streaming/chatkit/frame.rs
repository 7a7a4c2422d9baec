//! The frames of a ChatKit stream, as its component reads them.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value};

use super::update::Update;
use base::domain::{Item, ItemId, Page, Thread, ThreadId, ThreadStatus};
use chat::Level;

#[derive(Debug, Serialize)]
#[serde(tag = "type")]
pub(super) enum Frame<'a> {
    #[serde(rename = "thread.created")]
    ThreadCreated {
        /// Its page of items is empty here.
        thread: ThreadView<'a>,
    },
    #[serde(rename = "thread.updated")]
    ThreadUpdated {
        /// Its page of items is empty here.
        thread: ThreadView<'a>,
    },
    #[serde(rename = "thread.item.added")]
    ItemAdded { item: &'a Item },
    #[serde(rename = "thread.item.updated")]
    ItemUpdated { item_id: &'a ItemId, update: Update<'a> },
    #[serde(rename = "thread.item.done")]
    ItemDone {
        /// As it is stored.
        item: &'a Item,
    },
    /// A stored item has new content.
    #[serde(rename = "thread.item.replaced")]
    ItemReplaced {
        /// As it is stored.
        item: &'a Item,
    },
    /// What is being done at the moment.
    #[serde(rename = "progress_update")]
    Progress { text: &'a str },
    #[serde(rename = "stream_options")]
    StreamOptions { stream_options: ChatKitStreamOptions },
    #[serde(rename = "notice")]
    Notice {
        level: &'static str,
        /// Markdown.
        message: &'a str,
    },
    /// The turn did not succeed.
    #[serde(rename = "error")]
    Error {
        /// Always `custom`: the text is ours (ADR 7).
        code: &'static str,
        message: &'a str,
        /// Whether the front end offers a retry.
        allow_retry: bool,
    },
}

#[derive(Debug, Serialize)]
pub(super) struct ChatKitStreamOptions {
    /// Whether to show a stop button.
    pub allow_cancel: bool,
}

/// A thread as ChatKit shows it, without our own metadata.
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
    pub fn new(thread: &'a Thread, mut items: Page<Item>) -> Self {
        // Hidden items never leave the server, whoever made the page.
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
