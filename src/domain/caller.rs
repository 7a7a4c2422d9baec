//! Who asks.

use std::sync::Arc;

const ANYONE: &str = "anyone";

/// Who a request comes from. It is read at the door and handed on all the way to a tool's call.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Caller {
    /// Names the caller among all.
    pub id: Arc<str>,
}

impl Caller {
    /// Whoever reaches a server that asks nobody for a name: all of them are one.
    pub fn anyone() -> Self {
        Self { id: Arc::from(ANYONE) }
    }

    /// A key that the caller chose, told apart from the same key of others. Those of a server that
    /// asks nobody for a name stay as they are: they are kept by many.
    pub fn own(&self, key: String) -> String {
        if *self.id == *ANYONE { key } else { format!("{}/{key}", self.id) }
    }
}
