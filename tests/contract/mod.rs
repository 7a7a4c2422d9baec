//! Our bytes and our ports against what others expect.

#[macro_use]
pub(crate) mod stores;
mod allowances;
mod effects;
mod leases;
mod long_results;
mod owners;
mod pins;
mod receipts;
mod sealed_tokens;
mod streams;
mod threads;
mod todo;

pub(crate) use stores::{create, store};
