//! Ids: opaque texts with a prefix that tells a reader what they name.

use std::fmt;

use serde::de::{Error, Unexpected};
use serde::{Deserialize, Deserializer, Serialize};
use uuid::Uuid;

use super::{ToolCall, digest};

/// In bytes: longer than any id of ours or of another server of the protocol.
const MAX_LENGTH: usize = 128;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident($read:literal)) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(#[serde(deserialize_with = $read)] String);

        impl $name {
            /// As it is written on the wire.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl From<String> for $name {
            fn from(id: String) -> Self {
                Self(id)
            }
        }

        impl From<&str> for $name {
            fn from(id: &str) -> Self {
                Self(id.to_owned())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str(&self.0)
            }
        }
    };
}

id! {
    /// The id of a thread. Ids from clients are checked when they are read.
    ThreadId("checked")
}
id! {
    /// The id of an item; checked in the same way.
    ItemId("checked")
}
id! {
    /// Connects a tool's result with the call. Chosen by the model, so it may be any text.
    CallId("String::deserialize")
}

/// The one check for ids from outside. They go into logs, maps and rows, so they must be short and
/// plain. Whether the thing exists is checked later.
fn checked<'de, D: Deserializer<'de>>(input: D) -> Result<String, D::Error> {
    let id = String::deserialize(input)?;
    let is_fine = (1..=MAX_LENGTH).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_graphic());
    let found = Unexpected::Other("another text");
    let expected = "an id of 1 to 128 visible ASCII characters";
    if is_fine { Ok(id) } else { Err(Error::invalid_value(found, &expected)) }
}

id! {
    /// The key of a call in the journal, unique among all calls. Generated when the reply arrives
    /// (ADR 12).
    CallKey("String::deserialize")
}

id! {
    /// The id of a long result that is kept for its thread. The model writes it, so it may be any
    /// text.
    ResultId("String::deserialize")
}

impl ResultId {
    /// In hexadecimal digits: few for a model to copy, and a thread keeps few results.
    const DIGITS: usize = 12;

    /// The result of this call in this thread. A later try of the call has the same one (ADR 48).
    pub fn of(thread: &ThreadId, call: &ToolCall) -> Self {
        let key = call.key.as_ref().map_or(call.id.as_str(), CallKey::as_str);
        let mut digits = digest(&[thread.as_str(), key]);
        digits.truncate(Self::DIGITS);
        Self(format!("res_{digits}"))
    }
}

impl ThreadId {
    pub fn new_thread() -> Self {
        Self(fresh("thr"))
    }
}

impl ItemId {
    pub fn new_message() -> Self {
        Self(fresh("msg"))
    }

    pub fn new_question() -> Self {
        Self(fresh("inp"))
    }

    /// Of what is stored for a form of tool servers, and never shown (ADR 44).
    pub fn new_inquiry() -> Self {
        Self(fresh("inq"))
    }

    pub fn new_workflow() -> Self {
        Self(fresh("wf"))
    }
}

impl CallId {
    /// For a call that came without an id.
    pub fn synthesised() -> Self {
        Self(fresh("call"))
    }
}

impl CallKey {
    pub fn new_key() -> Self {
        Self(fresh("eff"))
    }
}

fn fresh(prefix: &str) -> String {
    // Version 7, so that ids sort by time.
    format!("{prefix}_{}", Uuid::now_v7().simple())
}
