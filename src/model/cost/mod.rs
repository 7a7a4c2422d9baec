//! What a request costs.

pub(super) mod bill;
pub(super) mod prices;
