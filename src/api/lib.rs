//! The HTTP API: checks what clients send, and answers with JSON or a stream. What a turn does is
//! in `chat`, what its stream looks like in `streaming`.

mod error;
mod health;
mod http;
mod intake;
mod lifecycle;
mod lists;
mod models;
mod page;
mod prompts;
mod reload;
mod router;
mod sign_in;
mod state;
mod usage;
mod wires;

pub use http::authentication::Authentication;
pub use http::cors::Origins;
pub use http::hosts::Hosts;
pub use lifecycle::{Lifecycle, Phase};
pub use router::{router, router_in_private, router_when_full};
pub use state::{Api, Settings};
