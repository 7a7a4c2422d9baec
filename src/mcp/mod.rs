//! Tools of MCP servers: connected, kept alive, guarded.

mod call;
mod config;
mod connect_error;
mod fault;
mod link;
mod servers;
mod tools;
mod transport_fault;

pub use config::file::{InvalidServers, ServerFault, read_servers};
pub use config::settings::{Pace, ServerSettings, Settings, Transport};
pub use servers::Servers;
