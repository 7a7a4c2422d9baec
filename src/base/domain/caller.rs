//! Who a request comes from.

use std::sync::Arc;

const ANYONE: &str = "anyone";

/// The caller of a request: read in `api` and passed on to every tool call.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Caller {
    /// Identifies the caller.
    pub id: Arc<str>,
}

impl Caller {
    /// The one caller of a server without authentication.
    pub fn anyone() -> Self {
        Self { id: Arc::from(ANYONE) }
    }

    /// A key that the caller chose, made different from the same key of other callers. On a server
    /// without authentication it stays as it is, because stores hold keys in that form.
    pub fn own(&self, key: String) -> String {
        if *self.id == *ANYONE { key } else { format!("{}/{key}", self.id) }
    }
}
