//! Where the words of SQLite and PostgreSQL differ.

/// Which words the database understands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SqlDialect {
    Sqlite,
    Postgres,
}

impl SqlDialect {
    /// How a transaction that writes begins.
    pub(super) const fn begin(self) -> &'static str {
        match self {
            // One that began by reading could not wait for its turn to write.
            Self::Sqlite => "BEGIN IMMEDIATE",
            Self::Postgres => "BEGIN",
        }
    }

    /// The title to sort by, in the order of its code points whatever the database's language.
    pub(super) const fn title_key(self) -> &'static str {
        match self {
            Self::Sqlite => "title_key",
            Self::Postgres => "title_key COLLATE \"C\"",
        }
    }

    /// Makes a selection leave out rows that another transaction holds; SQLite has no such rows.
    pub(super) const fn skip_locked(self) -> &'static str {
        match self {
            Self::Sqlite => "",
            Self::Postgres => "FOR UPDATE SKIP LOCKED",
        }
    }
}
