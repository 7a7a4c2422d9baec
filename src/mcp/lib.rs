//! The tools of MCP servers, through rmcp (ADR 1): connects, supervises, calls under a guard.
//! Implements the agent's port `Tools`. The journal of effects is in `chat`.

mod call;
mod config;
mod content;
mod error;
mod link;
mod oauth;
mod servers;
mod survey;
mod tools;

pub use config::fault::ServerFault;
pub use config::file::{ServerList, read_servers};
pub use config::settings::{
    ContentChoice, OAuthClient, Pace, RevisionChoice, ServerSettings, Settings, SignInBy, Transport,
};
pub use config::variables::Variables;
pub use oauth::{Login, LoginError, SealingKey, TokenVault};
pub use servers::Servers;
pub use survey::{ServerSurvey, ToolSurvey};
pub use tools::approval_rules::ApprovalRules;
pub use tools::filter::ToolFilter;
