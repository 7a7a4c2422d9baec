//! The model adapter's pure parts.

mod any_bytes;
mod decoder;
mod extra;
mod lifetimes;
mod likeness;
mod listing;
mod names;
mod never_panics;
mod offer;
mod pause;
mod prices;
mod provider_family;
mod refused;
mod remedy;
mod request;
mod schema;
mod settings;
