//! What every request has, whatever it asks: origins, an id, and counts.

pub(super) mod cors;
pub(super) mod request_id;
pub(super) mod traffic;
