//! The bundled todo MCP server, a separate package (ADR 27). Knows nothing of the agent.

mod arguments;
mod attempt;
mod calls;
mod due;
mod fold;
mod history;
mod http;
mod key;
mod open;
mod owner;
mod preparation;
mod query;
mod refusal;
mod row;
mod rules;
mod schema;
mod server;
mod sql_dialect;
mod store;
mod undo;
mod value;

pub use http::router;
pub use http::tokens::{InvalidTokens, Tokens, read_tokens};
pub use open::{Settings, StartError};
pub use server::{TodoServer, serve_stdio};
