//! Settings: from the environment to one checked value for each module. No other module reads the
//! environment.

mod address;
mod authentication;
mod caller_limits;
mod env;
mod fallbacks;
mod file;
mod guard;
mod listen;
mod load;
mod models;
mod outbound;
mod servers_file;
mod todo;
mod tools;
mod variables;

pub use env::{ConfigError, Env};
pub use listen::Listen;
pub use load::{Config, ToolsConfig, for_demo_model, for_keys, for_probe, for_todo, for_tools};
pub use servers_file::ServersFile;
pub use variables::{Preset, VARIABLES, Variable, help};
