//! Stores threads and pins in SQLite, PostgreSQL or memory, behind the ports of `chat` (ADR 6) and
//! `domain` (ADR 40). Decides nothing about turns.

mod batch_writer;
mod database;
mod fair_pool;
mod fault;
mod memory;
mod migrations;
mod open;
mod pages;
mod preparation;
mod same_file;
mod sql;
mod waits;

pub use memory::MemoryStore;
pub use open::{OpenError, Opened, Settings, open};
pub use sql::SqlStore;
