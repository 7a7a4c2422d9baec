//! Who asks.

use std::sync::Arc;

/// Who a request comes from. It is read at the door and handed on all the way to a tool's call.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Caller {
    /// Names the caller among all.
    pub id: Arc<str>,
}

impl Caller {
    /// Whoever reaches a server that asks nobody for a name: all of them are one.
    pub fn anyone() -> Self {
        Self { id: Arc::from("anyone") }
    }
}
