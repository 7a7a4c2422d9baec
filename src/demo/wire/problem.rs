//! Errors as Google writes them.

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::delivery::{Delivery, JSON};

/// A request that makes no sense, and why.
#[derive(Clone, Debug)]
pub(crate) struct Unreadable(pub(crate) String);

impl Unreadable {
    /// As it goes over the wire.
    pub(crate) fn delivery(&self) -> Delivery {
        let error = json!({ "code": 400, "message": self.0, "status": "INVALID_ARGUMENT" });
        Delivery::whole(StatusCode::BAD_REQUEST, JSON, in_array(&error))
    }
}

/// Google's way: an array of one, pretty-printed.
pub(crate) fn in_array(error: &Value) -> String {
    let body = json!([{ "error": error }]);
    format!("{body:#}\n")
}
