//! The commands: one file each.

mod demo_model;
mod probe;
mod run;
mod serve;
mod stop;
mod todo;

pub use run::run;
