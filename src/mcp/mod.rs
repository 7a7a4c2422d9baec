//! Tools of MCP servers: connected, kept alive, guarded.

mod arguments;
mod board;
mod calling;
mod child;
mod connect;
mod connect_attempts;
mod connect_error;
mod fault;
mod file;
mod http;
mod in_flight;
mod listener;
mod listing;
mod result;
mod server;
mod servers;
mod session;
mod settings;
mod supervisor;
mod trouble;

pub use file::{InvalidServers, ServerFault, read_servers};
pub use servers::Servers;
pub use settings::{Pace, ServerSettings, Settings, Transport};
