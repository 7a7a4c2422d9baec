//! Prices of models and the bill of each request (ADR 16). Budgets are in `chat`.

pub(super) mod bill;
pub(super) mod prices;
