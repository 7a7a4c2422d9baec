//! What a person sends, checked and ready to be kept.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Map, Value};

use crate::domain::{Item, ItemContent, ItemId, Message, ThreadId, UserContent};

/// A message that begins a turn.
#[derive(Clone, Debug)]
pub struct NewMessage {
    /// The thread it goes on, or none for a new one.
    pub thread: Option<ThreadId>,
    /// Its parts, cleaned and within the limits.
    pub content: Vec<UserContent>,
    /// What the person points at, cleaned and within the limits.
    pub quoted_text: Option<String>,
    /// What the person chose for this message.
    pub inference_options: Map<String, Value>,
    /// Where the person is; decides what "tomorrow" means.
    pub time_zone: Option<TimeZone>,
    /// The request it came with, for the log and for error messages.
    pub request_id: String,
}

impl NewMessage {
    /// As the user sees it.
    pub(super) fn item(&self, thread: &ThreadId) -> Item {
        Item {
            id: ItemId::new_message(),
            thread_id: thread.clone(),
            created_at: now(),
            content: ItemContent::UserMessage {
                content: self.content.clone(),
                attachments: Vec::new(),
                quoted_text: self.quoted_text.clone(),
                inference_options: self.inference_options.clone(),
            },
        }
    }

    /// As the model sees it.
    pub(super) fn message(&self) -> Message {
        let said = self.content.iter().map(|part| match part {
            UserContent::InputText { text } | UserContent::InputTag { text, .. } => text.as_str(),
        });
        let said: String = said.collect();
        let text = match self.quoted_text.as_deref() {
            Some(quoted) if !quoted.is_empty() => {
                format!("[The user points at these words:]\n{quoted}\n[The user says:]\n{said}")
            }
            _ => said,
        };
        Message::User { text }
    }
}

/// The time to the microsecond, which is what the databases keep.
pub(super) fn now() -> Timestamp {
    let now = Timestamp::now();
    Timestamp::from_microsecond(now.as_microsecond()).unwrap_or(now)
}
