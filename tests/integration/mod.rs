//! The whole house, from the outside.

mod house;
mod mcp;
mod model;
mod store;
