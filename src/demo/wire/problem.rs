//! Errors in Google's format.

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::delivery::{Delivery, JSON};

/// Why a request cannot be read.
#[derive(Clone, Debug)]
pub(crate) struct Unreadable(pub(crate) String);

impl Unreadable {
    pub(crate) fn delivery(&self) -> Delivery {
        let error = json!({ "code": 400, "message": self.0, "status": "INVALID_ARGUMENT" });
        Delivery::whole(StatusCode::BAD_REQUEST, JSON, in_array(&error))
    }
}

/// Google sends an array with one error, pretty-printed. All others send an object.
pub(crate) fn in_array(error: &Value) -> String {
    let body = json!([{ "error": error }]);
    format!("{body:#}\n")
}
