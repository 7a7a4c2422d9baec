//! Where threads are kept: SQLite, PostgreSQL or memory.

mod database;
mod fault;
mod memory;
mod open;
mod pages;
mod patience;
mod places;
mod preparation;
mod same_file;
mod sql;
mod together;

pub use memory::MemoryStore;
pub use open::{OpenError, Opened, Settings, open};
pub use sql::SqlStore;
