//! The whole house, from the outside.

mod demo;
mod house;
mod mcp;
mod model;
mod store;
