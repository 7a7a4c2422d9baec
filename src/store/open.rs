//! From a URL to a store.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use sqlx::any::install_default_drivers;
use sqlx::postgres::PgConnectOptions;
use sqlx::sqlite::SqliteConnectOptions;

use super::database::{Database, SqlDialect};
use super::fault::StoreFault;
use super::{MemoryStore, SqlStore};
use crate::chat::Store;
use crate::domain::HealthProbe;
use crate::resilience::GuardSettings;

/// Where threads are kept, and how patient to be.
#[derive(Clone, Debug)]
pub struct Settings {
    /// `sqlite://…`, `postgres://…` or `memory`.
    pub url: String,
    /// The longest that one call may take.
    pub timeout: Duration,
    /// The guard of the database.
    pub guard: GuardSettings,
}

/// An open store.
pub struct Opened {
    /// The conversations.
    pub store: Arc<dyn Store>,
    /// How the database is; memory is always well and says nothing.
    pub health: Option<Arc<dyn HealthProbe>>,
}

/// Why a store cannot be opened. It never carries the URL.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// A database that we do not speak to.
    #[error("the kind of database is unknown; use sqlite://PATH, postgres://… or memory")]
    Kind,
    /// No database has such a URL.
    #[error("the URL is not valid; use sqlite://PATH or postgres://USER:PASSWORD@HOST/DATABASE")]
    Url(#[source] sqlx::Error),
    /// SQLite without a file would give each connection a database of its own.
    #[error("SQLite needs a file here; write memory to keep threads in memory")]
    NoFile,
    /// The folder cannot be made.
    #[error("the folder of the database file cannot be created; choose a path that can be written")]
    Folder(#[source] io::Error),
    /// The file cannot be used.
    #[error("the database file cannot be opened or prepared; check that it is ours and writable")]
    File(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// Opens a store. A file must be usable now; a server may come up later.
pub async fn open(settings: &Settings) -> Result<Opened, OpenError> {
    if settings.url == "memory" {
        return Ok(Opened { store: Arc::new(MemoryStore::default()), health: None });
    }
    install_default_drivers();
    let store = Arc::new(match settings.url.split(':').next() {
        Some("sqlite") => open_file(settings).await?,
        Some("postgres" | "postgresql") => open_server(settings)?,
        Some(_) | None => return Err(OpenError::Kind),
    });
    Ok(Opened { store: Arc::<SqlStore>::clone(&store), health: Some(store) })
}

fn open_server(settings: &Settings) -> Result<SqlStore, OpenError> {
    // The pool would look at the URL only when it connects.
    settings.url.parse::<PgConnectOptions>().map_err(OpenError::Url)?;
    let database = Database::new(SqlDialect::Postgres, &settings.url, &settings.url, settings);
    let database = database.map_err(OpenError::Url)?;
    database.begin_to_prepare();
    Ok(SqlStore::new(database))
}

async fn open_file(settings: &Settings) -> Result<SqlStore, OpenError> {
    let url = settings.url.as_str();
    if url.contains(":memory:") || url.contains("mode=memory") {
        return Err(OpenError::NoFile);
    }
    let options: SqliteConnectOptions = url.parse().map_err(OpenError::Url)?;
    if let Some(folder) = options.get_filename().parent() {
        std::fs::create_dir_all(folder).map_err(OpenError::Folder)?;
    }
    // A file is made once. Who connects later must not make another in its place.
    let (first, later) = (in_mode("rwc", url), in_mode("rw", url));
    let database = Database::new(SqlDialect::Sqlite, &first, &later, settings);
    let database = database.map_err(OpenError::Url)?;
    match database.prepare().await {
        // The house answers meanwhile, and can be told to end: it may take minutes.
        Ok(()) | Err(StoreFault::Preparing) => {}
        Err(error) => return Err(OpenError::File(Box::new(error))),
    }
    let database = database.keeping_to(options.get_filename());
    Ok(SqlStore::new(database.map_err(|error| OpenError::File(Box::new(error)))?))
}

/// The same URL, opening the file in this way unless it says how itself.
fn in_mode(mode: &str, url: &str) -> String {
    match url.split_once('?') {
        None => format!("{url}?mode={mode}"),
        Some((_, parameters)) if parameters.contains("mode=") => url.to_owned(),
        Some(_) => format!("{url}&mode={mode}"),
    }
}
