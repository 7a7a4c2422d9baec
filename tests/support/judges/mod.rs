//! What must hold of whatever bytes come in from outside: one judge for each door. A judge panics at
//! what must never be. `unit::any_input` asks them.

pub(crate) mod config;

pub(crate) mod key_file;

pub(crate) mod request;

pub(crate) mod schema;

pub(crate) mod text;

pub(crate) mod token;

/// Inputs say it where a secret could stand; no refusal may repeat it.
const SECRET_WORD: &str = "geheim";

fn assert_no_secret(told: &str) {
    assert!(!told.to_lowercase().contains(SECRET_WORD), "{told}");
}
