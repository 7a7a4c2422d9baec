//! The rule-based brain of the offline model.

mod any_input;
mod conversations;
mod forms;
mod harness;
mod patterns;
mod table;
mod unknown_servers;
