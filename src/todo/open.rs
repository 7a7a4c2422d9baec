//! Opens the database.

use std::io;
use std::path::Path;
use std::time::Duration;

use sqlx::any::{AnyPoolOptions, install_default_drivers};
use sqlx::migrate::MigrateError;
use sqlx::{AnyPool, Executor};

use super::http::tokens::Tokens;
use super::preparation::Preparation;
use super::sql_dialect::SqlDialect;
use super::store::Store;

const PATIENCE: Duration = Duration::from_secs(5);

#[derive(Clone, Debug)]
pub struct Settings {
    /// `sqlite://…`, `postgres://…` or `memory`.
    pub database_url: String,
    /// Accepted `Host` names besides those of this machine.
    pub allowed_hosts: Vec<String>,
    /// Of callers over HTTP; none where only this machine can call.
    pub tokens: Option<Tokens>,
}

/// Why the server cannot start. Never contains the URL, which may hold a password.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("the folder of TODO_DATABASE_URL cannot be created")]
    Folder(#[source] io::Error),
    #[error("the database of TODO_DATABASE_URL cannot be opened")]
    Database(#[source] sqlx::Error),
    #[error("the tables in TODO_DATABASE_URL cannot be prepared")]
    Tables(#[source] MigrateError),
    #[error("the MCP session could not be opened")]
    Session(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// Opens the store. If its tables take longer than a moment, calls are refused until they are ready.
pub(super) async fn open(settings: &Settings) -> Result<Store, StartError> {
    install_default_drivers();
    let url = settings.database_url.as_str();
    let (pool, dialect) = if url == "memory" || url.contains(":memory:") {
        // One connection that is never closed: the database exists only in it.
        let pool = options(1).idle_timeout(None).max_lifetime(None);
        (pool.connect("sqlite::memory:").await, SqlDialect::Sqlite)
    } else if let Some(path) = url.strip_prefix("sqlite:") {
        create_folder(path.trim_start_matches("//"))?;
        (open_file(url).await, SqlDialect::Sqlite)
    } else {
        (options(8).connect(url).await, SqlDialect::Postgres)
    };
    let pool = pool.map_err(StartError::Database)?;
    let preparation = Preparation::begin(pool.clone(), dialect).await;
    Ok(Store::new(pool, dialect, preparation.map_err(StartError::Tables)?))
}

/// NORMAL keeps every commit when the process is killed, without a sync for each.
async fn open_file(url: &str) -> Result<AnyPool, sqlx::Error> {
    let join = if url.contains('?') { '&' } else { '?' };
    // A file cannot drop a connection, so no check before use.
    let pool = options(4).test_before_acquire(false).after_connect(|connection, _| {
        Box::pin(async move {
            connection.execute("PRAGMA synchronous = NORMAL").await?;
            Ok(())
        })
    });
    pool.connect(&format!("{url}{join}mode=rwc")).await
}

fn options(connections: u32) -> AnyPoolOptions {
    AnyPoolOptions::new().max_connections(connections).acquire_timeout(PATIENCE)
}

fn create_folder(path: &str) -> Result<(), StartError> {
    let path = path.split('?').next().unwrap_or_default();
    match Path::new(path).parent() {
        Some(folder) => std::fs::create_dir_all(folder).map_err(StartError::Folder),
        None => Ok(()),
    }
}
