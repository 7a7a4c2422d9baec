//! Names of things: opaque strings with a prefix that tells a reader what they name.

use std::fmt;

use serde::de::{Error, Unexpected};
use serde::{Deserialize, Deserializer, Serialize};
use uuid::Uuid;

/// Longer than any id of ours or of another server of the protocol.
const MAX_LENGTH: usize = 128;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident($read:literal)) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(#[serde(deserialize_with = $read)] String);

        impl $name {
            /// The id as it is written on the wire.
            pub fn as_str(&self) -> &str {
                &self.0
            }

            fn fresh(prefix: &str) -> Self {
                Self(format!("{prefix}_{}", Uuid::now_v7().simple()))
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
    /// Names a conversation. What clients send as one is checked where it is read.
    ThreadId("checked")
}
id! {
    /// Names one entry of a conversation as the user sees it; checked likewise.
    ItemId("checked")
}
id! {
    /// Ties a tool's result to the model's call; given by the model.
    CallId("String::deserialize")
}

/// The one entrance for ids from outside: they go into logs, keys of maps and rows, so they are short
/// and plain. Whether there is such a thing is found out later.
fn checked<'de, D: Deserializer<'de>>(input: D) -> Result<String, D::Error> {
    let id = String::deserialize(input)?;
    let is_fine = (1..=MAX_LENGTH).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_graphic());
    let found = Unexpected::Other("another text");
    let expected = "an id of 1 to 128 visible ASCII characters";
    if is_fine { Ok(id) } else { Err(Error::invalid_value(found, &expected)) }
}

id! {
    /// Names a call among all that were ever made; drawn by us when the model's reply comes.
    CallKey("String::deserialize")
}

impl ThreadId {
    /// A new thread's id.
    pub fn new_thread() -> Self {
        Self::fresh("thr")
    }
}

impl ItemId {
    /// A new message's id.
    pub fn new_message() -> Self {
        Self::fresh("msg")
    }

    /// The id of new questions.
    pub fn new_question() -> Self {
        Self::fresh("inp")
    }

    /// A new workflow's id.
    pub fn new_workflow() -> Self {
        Self::fresh("wf")
    }
}

impl CallId {
    /// An id for a call that came without one.
    pub fn synthesised() -> Self {
        Self::fresh("call")
    }
}

impl CallKey {
    /// A new call's key.
    pub fn new_key() -> Self {
        Self::fresh("eff")
    }
}
