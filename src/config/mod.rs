//! Settings: from the environment to one checked value per room.

mod env;
mod fallbacks;
mod file;
mod guard;
mod listen;
mod load;
mod models;
mod tools;
mod variables;

pub use env::{ConfigError, Env};
pub use listen::Listen;
pub use load::Config;
pub use variables::{Preset, VARIABLES, Variable, help};
