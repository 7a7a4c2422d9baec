//! From settings to an open store.

use std::io;
use std::path::Path;
use std::time::Duration;

use sqlx::any::{AnyPoolOptions, install_default_drivers};
use sqlx::migrate::MigrateError;
use sqlx::{AnyPool, Executor};
use tokio::time::{sleep, timeout};

use super::sql_dialect::SqlDialect;
use super::store::Store;

const PATIENCE: Duration = Duration::from_secs(5);
/// The longest that making or updating the tables may take.
const START_LIMIT: Duration = Duration::from_secs(30);

/// How often the tables are tried while others open the same file.
const TRIES: u32 = 5;
const PAUSE: Duration = Duration::from_millis(100);

/// How the todo server is run.
#[derive(Clone, Debug)]
pub struct Settings {
    /// `sqlite://…`, `postgres://…` or `memory`.
    pub database_url: String,
    /// Hosts that may be asked for over HTTP, besides those of this machine.
    pub allowed_hosts: Vec<String>,
}

/// Why the server cannot start. It never carries the URL.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The folder cannot be made.
    #[error("the folder of TODO_DATABASE_URL cannot be created")]
    Folder(#[source] io::Error),
    /// The database cannot be reached, or refuses.
    #[error("the database of TODO_DATABASE_URL cannot be opened")]
    Database(#[source] sqlx::Error),
    /// The tables cannot be made.
    #[error("the tables in TODO_DATABASE_URL cannot be prepared")]
    Tables(#[source] MigrateError),
    /// The database is there, but another process holds it.
    #[error("the database of TODO_DATABASE_URL is kept busy by another process")]
    Slow,
    /// The client did not speak MCP.
    #[error("the MCP session could not be opened")]
    Session(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// Opens the store; the tables are made or updated under a lock.
pub(super) async fn open(settings: &Settings) -> Result<Store, StartError> {
    install_default_drivers();
    let url = settings.database_url.as_str();
    let (pool, dialect) = if url == "memory" || url.contains(":memory:") {
        // One connection that is never given up: the database lives and dies with it.
        let pool = options(1).idle_timeout(None).max_lifetime(None);
        (pool.connect("sqlite::memory:").await, SqlDialect::Sqlite)
    } else if let Some(path) = url.strip_prefix("sqlite:") {
        create_folder(path.trim_start_matches("//"))?;
        (open_file(url).await, SqlDialect::Sqlite)
    } else {
        (options(8).connect(url).await, SqlDialect::Postgres)
    };
    let pool = pool.map_err(StartError::Database)?;
    timeout(START_LIMIT, prepare(&pool, dialect)).await.map_err(|_| StartError::Slow)??;
    Ok(Store::new(pool, dialect))
}

/// PostgreSQL lets one process at a time. SQLite may let several, of which all but one then find
/// the file locked, or a table there that was not there a moment ago; they look again.
async fn prepare(pool: &AnyPool, dialect: SqlDialect) -> Result<(), StartError> {
    let tries = if dialect == SqlDialect::Sqlite { TRIES } else { 1 };
    for _ in 1..tries {
        match migrate(pool, dialect).await {
            Err(MigrateError::Execute(_) | MigrateError::ExecuteMigration(..)) => {
                sleep(PAUSE).await;
            }
            ended => return ended.map_err(StartError::Tables),
        }
    }
    migrate(pool, dialect).await.map_err(StartError::Tables)
}

async fn migrate(pool: &AnyPool, dialect: SqlDialect) -> Result<(), MigrateError> {
    if dialect == SqlDialect::Sqlite {
        // Kept in the file: readers go on beside the one writer. Memory has no such mode.
        pool.execute("PRAGMA journal_mode = WAL").await?;
    }
    let mut migrator = sqlx::migrate!("./migrations");
    migrator.dangerous_set_table_name("_todo_migrations");
    migrator.run(pool).await
}

/// NORMAL keeps every commit through a killed process.
async fn open_file(url: &str) -> Result<AnyPool, sqlx::Error> {
    let join = if url.contains('?') { '&' } else { '?' };
    // A file does not hang up, so connections need no test.
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
