//! The steps by which our tables came to be what they are. A step that was released never changes.
//!
//! They are listed and not found by sqlx's macro: that would compile SQLite a second time, for the
//! compiler itself (ADR 28).

use sqlx::SqlStr;
use sqlx::migrate::{Migration, MigrationType, Migrator};

use super::database::SqlDialect;

/// The description that the table of applied steps shows, and the SQL.
type Step = (&'static str, &'static str);

const SQLITE: [Step; 13] = [
    ("threads", include_str!("migrations/sqlite/0001_threads.sql")),
    ("lean tables", include_str!("migrations/sqlite/0002_lean_tables.sql")),
    ("turns", include_str!("migrations/sqlite/0003_turns.sql")),
    ("spend", include_str!("migrations/sqlite/0004_spend.sql")),
    ("endings", include_str!("migrations/sqlite/0005_endings.sql")),
    ("leases", include_str!("migrations/sqlite/0006_leases.sql")),
    ("owners", include_str!("migrations/sqlite/0007_owners.sql")),
    ("usage", include_str!("migrations/sqlite/0008_usage.sql")),
    ("estimates", include_str!("migrations/sqlite/0009_estimates.sql")),
    ("grants", include_str!("migrations/sqlite/0010_grants.sql")),
    ("tool pins", include_str!("migrations/sqlite/0011_tool_pins.sql")),
    ("sealed tokens", include_str!("migrations/sqlite/0012_sealed_tokens.sql")),
    ("long results", include_str!("migrations/sqlite/0013_long_results.sql")),
];

const POSTGRES: [Step; 13] = [
    ("threads", include_str!("migrations/postgres/0001_threads.sql")),
    ("beginnings", include_str!("migrations/postgres/0002_beginnings.sql")),
    ("turns", include_str!("migrations/postgres/0003_turns.sql")),
    ("spend", include_str!("migrations/postgres/0004_spend.sql")),
    ("endings", include_str!("migrations/postgres/0005_endings.sql")),
    ("leases", include_str!("migrations/postgres/0006_leases.sql")),
    ("owners", include_str!("migrations/postgres/0007_owners.sql")),
    ("usage", include_str!("migrations/postgres/0008_usage.sql")),
    ("estimates", include_str!("migrations/postgres/0009_estimates.sql")),
    ("grants", include_str!("migrations/postgres/0010_grants.sql")),
    ("tool pins", include_str!("migrations/postgres/0011_tool_pins.sql")),
    ("sealed tokens", include_str!("migrations/postgres/0012_sealed_tokens.sql")),
    ("long results", include_str!("migrations/postgres/0013_long_results.sql")),
];

pub(super) fn migrator(dialect: SqlDialect) -> Migrator {
    let steps = match dialect {
        SqlDialect::Sqlite => SQLITE,
        SqlDialect::Postgres => POSTGRES,
    };
    let steps = (1..).zip(steps).map(|(version, (description, sql))| {
        let (kind, sql) = (MigrationType::Simple, SqlStr::from_static(sql));
        Migration::new(version, description.into(), kind, sql, false)
    });
    Migrator::with_migrations(steps.collect())
}
