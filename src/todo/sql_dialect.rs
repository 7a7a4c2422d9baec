//! What differs between the SQL of SQLite and PostgreSQL.

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SqlDialect {
    Sqlite,
    Postgres,
}

impl SqlDialect {
    pub(super) const fn begin(self) -> &'static str {
        match self {
            // A transaction that begins by reading cannot wait for the right to write: it fails.
            Self::Sqlite => "BEGIN IMMEDIATE",
            Self::Postgres => "BEGIN",
        }
    }

    /// Sorts by code points, whatever the database's collation.
    pub(super) const fn title_key(self) -> &'static str {
        match self {
            Self::Sqlite => "title_key",
            Self::Postgres => "title_key COLLATE \"C\"",
        }
    }

    /// Skips rows that another transaction holds. SQLite has one writer, so no such rows.
    pub(super) const fn skip_locked(self) -> &'static str {
        match self {
            Self::Sqlite => "",
            Self::Postgres => "FOR UPDATE SKIP LOCKED",
        }
    }
}
