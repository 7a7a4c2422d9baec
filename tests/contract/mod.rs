//! Our bytes and our ports against what others expect.

#[macro_use]
pub(crate) mod keepers;
mod leases;
mod streams;
mod threads;
mod todo;

pub(crate) use keepers::store;
