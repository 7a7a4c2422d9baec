//! The whole house, from the outside.

mod chaos;
mod demo;
mod faults;
mod house;
mod mcp;
mod model;
mod process;
mod quickstart;
mod scenarios;
mod store;
mod todo;
