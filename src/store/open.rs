//! Opens the store that a URL names.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use sqlx::any::install_default_drivers;
use sqlx::postgres::PgConnectOptions;
use sqlx::sqlite::SqliteConnectOptions;

use super::database::{Database, SqlDialect};
use super::fault::StoreFault;
use super::{MemoryStore, SqlStore};
use base::domain::{HealthProbe, Pins, SealedTokens};
use base::resilience::GuardSettings;
use chat::Store;

#[derive(Clone, Debug)]
pub struct Settings {
    /// `sqlite://…`, `postgres://…` or `memory`.
    pub url: String,
    /// Limit of one call, waiting included.
    pub timeout: Duration,
    pub guard: GuardSettings,
}

pub struct Opened {
    pub store: Arc<dyn Store>,
    pub pins: Arc<dyn Pins>,
    /// The same, for tokens (ADR 42).
    pub tokens: Arc<dyn SealedTokens>,
    /// None for memory, which cannot fail.
    pub health: Option<Arc<dyn HealthProbe>>,
}

/// Why a store cannot be opened. Never contains the URL, which may hold a password.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("the kind of database is unknown; use sqlite://PATH, postgres://… or memory")]
    Kind,
    #[error("the URL is not valid; use sqlite://PATH or postgres://USER:PASSWORD@HOST/DATABASE")]
    Url(#[source] sqlx::Error),
    /// SQLite in memory would give each connection its own database.
    #[error("SQLite needs a file here; write memory to keep threads in memory")]
    NoFile,
    #[error("the folder of the database file cannot be created; choose a path that can be written")]
    Folder(#[source] io::Error),
    #[error("the database file cannot be opened or prepared; check that it is ours and writable")]
    File(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// A file must be usable now; a server may become reachable later. Boxed, so that it is compiled here
/// and not again in each package that calls it (ADR 28).
pub fn open(settings: &Settings) -> BoxFuture<'_, Result<Opened, OpenError>> {
    opened(settings).boxed()
}

async fn opened(settings: &Settings) -> Result<Opened, OpenError> {
    if settings.url == "memory" {
        let store = Arc::new(MemoryStore::default());
        let (pins, tokens) =
            (Arc::<MemoryStore>::clone(&store) as _, Arc::<MemoryStore>::clone(&store) as _);
        return Ok(Opened { store, pins, tokens, health: None });
    }
    install_default_drivers();
    let store = Arc::new(match settings.url.split(':').next() {
        Some("sqlite") => open_file(settings).await?,
        Some("postgres" | "postgresql") => open_server(settings)?,
        Some(_) | None => return Err(OpenError::Kind),
    });
    let (pins, tokens) = (Arc::<SqlStore>::clone(&store) as _, Arc::<SqlStore>::clone(&store) as _);
    Ok(Opened { store: Arc::<SqlStore>::clone(&store), pins, tokens, health: Some(store) })
}

fn open_server(settings: &Settings) -> Result<SqlStore, OpenError> {
    // The pool would check the URL only when it connects, long after the start.
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
    // Only the first connection may create the file. If the file is removed later, a new
    // connection must fail and not continue in an empty one (ADR 6).
    let (first, later) = (in_mode("rwc", url), in_mode("rw", url));
    let database = Database::new(SqlDialect::Sqlite, &first, &later, settings);
    let database = database.map_err(OpenError::Url)?;
    match database.prepare().await {
        // A migration may take minutes. Meanwhile the server answers, and can be stopped (ADR 6).
        Ok(()) | Err(StoreFault::Preparing) => {}
        Err(error) => return Err(OpenError::File(Box::new(error))),
    }
    let database = database.keeping_to(options.get_filename());
    Ok(SqlStore::new(database.map_err(|error| OpenError::File(Box::new(error)))?))
}

/// Adds the mode unless the URL has one: the operator's own choice wins.
fn in_mode(mode: &str, url: &str) -> String {
    match url.split_once('?') {
        None => format!("{url}?mode={mode}"),
        Some((_, parameters)) if parameters.contains("mode=") => url.to_owned(),
        Some(_) => format!("{url}&mode={mode}"),
    }
}
