//! What a tool's server asks the person in the middle of a call (ADR 44). Its texts are data of that
//! server.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Number, Value};

/// What a person is asked, and how the call goes on after that.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inquiry {
    /// One for each request of the server that a person answers.
    pub forms: Vec<ServerForm>,
    pub continuation: Continuation,
}

/// How a call goes on once its server has its answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "by", rename_all = "snake_case")]
pub enum Continuation {
    /// It is sent again, with the answers, by any process.
    Retry {
        /// How often it was sent so far.
        round: u32,
        /// The server's own; sent back unread and unchanged, and shown to nobody.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        state: Option<String>,
        /// What no person is needed for, by the names of the requests.
        answered: Map<String, Value>,
    },
    /// It waits in the process that made it, under this ticket.
    Parked { ticket: String },
}

impl Continuation {
    /// Of a call that waits in the process that made it.
    pub fn ticket(&self) -> Option<&str> {
        match self {
            Self::Retry { .. } => None,
            Self::Parked { ticket } => Some(ticket),
        }
    }
}

/// One request of a server to the person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerForm {
    /// The server's name for the request.
    pub name: String,
    /// The server's words.
    pub message: String,
    pub fields: Vec<FormField>,
    /// What the person has given already, and need not give again.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub given: Map<String, Value>,
    /// What becomes of it, if that is known while others are asked again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply: Option<FormReply>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FormField {
    pub name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    pub is_required: bool,
    pub kind: FieldKind,
    /// Sent if the person gives nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<Value>,
    /// Why an answer was not taken, in our words: it is asked for once more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

/// What a field takes. Limits that are absent are none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum FieldKind {
    Text {
        /// In characters.
        min: Option<u32>,
        max: Option<u32>,
        format: Option<TextFormat>,
    },
    Number {
        min: Option<Number>,
        max: Option<Number>,
    },
    Integer {
        min: Option<i64>,
        max: Option<i64>,
    },
    Boolean,
    Choice {
        options: Vec<FieldOption>,
    },
    Choices {
        options: Vec<FieldOption>,
        min: Option<u64>,
        max: Option<u64>,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TextFormat {
    Email,
    Uri,
    Date,
    DateTime,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldOption {
    /// What the server gets.
    pub value: String,
    /// What the person sees; the value if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
}

/// What becomes of one request of a server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FormReply {
    /// The person gave this.
    Accepted(Map<String, Value>),
    /// The person said no.
    Declined,
}

/// With what a call goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resumption {
    pub continuation: Continuation,
    /// By the names of the requests.
    pub replies: BTreeMap<String, FormReply>,
}
