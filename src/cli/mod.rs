//! The commands, one file for each.

mod content_report;
mod keys;
mod probe;
mod run;
mod serve;
mod signals;
mod todo;
mod tool_report;
mod tools;
mod tools_login;

pub use self::todo::serve_todo;
pub use run::run;
