//! Warnings about a model that still answers (ADR 17). They change no status.

pub(super) mod inspection;
pub(super) mod lifetimes;
pub(super) mod likeness;
pub(super) mod model_list;
pub(super) mod succession;
pub(super) mod warnings;
