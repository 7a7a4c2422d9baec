//! The whole house, from the outside.

mod house;
mod model;
mod store;
