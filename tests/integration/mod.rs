//! The whole house, from the outside.

mod house;
mod store;
