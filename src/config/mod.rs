//! Settings: from the environment to one checked value per room.

mod env;
mod fallbacks;
mod load;
mod variables;

pub use env::{ConfigError, Env};
pub use load::{Config, Listen};
pub use variables::{VARIABLES, Variable, help};
