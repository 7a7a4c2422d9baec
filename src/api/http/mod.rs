//! What every request has, whatever it asks: a caller, a host, an origin, an id, and counts.

pub(super) mod authentication;
pub(super) mod cors;
pub(super) mod hosts;
pub(super) mod rate_limit;
pub(super) mod request_id;
pub(super) mod traffic;
