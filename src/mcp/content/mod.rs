//! What servers have besides tools: resources and prompts (ADR 45).

pub(super) mod listing;
pub(super) mod offered;
pub(super) mod reading;
pub(super) mod reading_tools;
