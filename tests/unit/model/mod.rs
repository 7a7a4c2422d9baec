//! The model adapter's pure parts.

mod any_bytes;
mod decoder;
mod extra;
mod lifetimes;
mod likeness;
mod marked_results;
mod model_list;
mod names;
mod never_panics;
mod pause;
mod prices;
mod provider_family;
mod provider_refusal;
mod remedy;
mod request;
mod schema;
mod settings;
mod tool_declarations;
