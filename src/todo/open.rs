//! Opens the database and prepares its tables.

use std::io;
use std::path::Path;
use std::time::Duration;

use sqlx::any::{AnyPoolOptions, install_default_drivers};
use sqlx::migrate::{MigrateError, Migration, MigrationType, Migrator};
use sqlx::{AnyPool, Executor, SqlStr};
use tokio::time::{sleep, timeout};

use super::sql_dialect::SqlDialect;
use super::store::Store;

const PATIENCE: Duration = Duration::from_secs(5);
/// Limit for creating or updating the tables.
const START_LIMIT: Duration = Duration::from_secs(30);

/// Attempts on a file that other processes open at the same time.
const TRIES: u32 = 5;
const PAUSE: Duration = Duration::from_millis(100);

#[derive(Clone, Debug)]
pub struct Settings {
    /// `sqlite://…`, `postgres://…` or `memory`.
    pub database_url: String,
    /// Accepted `Host` names besides those of this machine.
    pub allowed_hosts: Vec<String>,
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
    /// The database exists, but another process holds it.
    #[error("the database of TODO_DATABASE_URL is kept busy by another process")]
    Slow,
    #[error("the MCP session could not be opened")]
    Session(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// Opens the store. The tables are created or updated under a lock.
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
    timeout(START_LIMIT, prepare(&pool, dialect)).await.map_err(|_| StartError::Slow)??;
    Ok(Store::new(pool, dialect))
}

/// PostgreSQL admits one process at a time. SQLite may admit several: all but one then find the
/// file locked, or a table that did not exist a moment ago, and must look again.
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
        // Stored in the file: readers continue beside the one writer. A database in memory ignores
        // it.
        pool.execute("PRAGMA journal_mode = WAL").await?;
    }
    let mut migrator = migrator();
    // Not sqlx's default name: the agent's threads may be in the same database.
    migrator.dangerous_set_table_name("_todo_migrations");
    migrator.run(pool).await
}

/// The steps by which our tables came to be what they are. A step that was released never changes.
fn migrator() -> Migrator {
    let steps = [
        ("todos", include_str!("migrations/0001_todos.sql")),
        ("keyed calls", include_str!("migrations/0002_keyed_calls.sql")),
    ];
    let steps = (1..).zip(steps).map(|(version, (description, sql))| {
        let (kind, sql) = (MigrationType::Simple, SqlStr::from_static(sql));
        Migration::new(version, description.into(), kind, sql, false)
    });
    Migrator::with_migrations(steps.collect())
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
