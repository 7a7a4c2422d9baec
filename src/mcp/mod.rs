//! The tools of MCP servers, through rmcp (ADR 1): connects, supervises, calls under a guard.
//! Implements the agent's port `Tools`. The journal of effects is in `chat`.

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
mod result;
mod server;
mod server_tools;
mod servers;
mod session;
mod session_listener;
mod settings;
mod supervisor;
mod transport_fault;

pub use file::{InvalidServers, ServerFault, read_servers};
pub use servers::Servers;
pub use settings::{Pace, ServerSettings, Settings, Transport};
