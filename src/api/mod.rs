//! The HTTP API: checks what clients send, and answers with JSON or a stream. What a turn does is
//! in `chat`, what its stream looks like in `streaming`.

mod bodies;
mod chatkit;
mod context;
mod cors;
mod error;
mod form;
mod health;
mod lifecycle;
mod lists;
mod models;
mod page;
mod refused;
mod request_id;
mod router;
mod rules;
mod schemas;
mod short_form;
mod state;
mod traffic;
mod turn;
mod unoffered;
mod validation;

pub use cors::Origins;
pub use lifecycle::{Lifecycle, Phase};
pub use router::{router, router_when_full};
pub use state::{Api, Settings};
