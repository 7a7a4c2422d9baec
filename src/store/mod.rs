//! Where threads are kept: SQLite, PostgreSQL or memory.
