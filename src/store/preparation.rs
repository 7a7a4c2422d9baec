//! The tables, made or updated once: by a task with a limit of its own, not by a call of a user.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::FutureExt;
use futures::future::{BoxFuture, Shared};
use sqlx::any::AnyConnectOptions;
use sqlx::migrate::MigrateError;
use sqlx::{AnyConnection, ConnectOptions, Connection, Executor};
use tokio::time::{sleep, timeout};

use super::database::SqlDialect;
use super::fault::StoreFault;
use super::waits;

/// An index on a grown table takes minutes, and so does waiting for a replica that makes it.
const LIMIT: Duration = Duration::from_mins(15);

/// A preparation that takes longer is worth a line in the log.
const NOTICE: Duration = Duration::from_secs(2);

/// How often a file is tried while other processes prepare it too, and the pause between two tries.
const TRIES: u32 = 5;
const PAUSE: Duration = Duration::from_millis(100);

/// Whether the tables are there, and the task that makes them.
#[derive(Debug)]
pub(super) struct Preparation {
    dialect: SqlDialect,
    options: AnyConnectOptions,
    /// How long a caller waits for the task.
    patience: Duration,
    running: Mutex<Option<Running>>,
}

type Prepared = Result<(), Arc<MigrateError>>;
type Running = Shared<BoxFuture<'static, Prepared>>;

impl Preparation {
    pub(super) const fn new(
        dialect: SqlDialect,
        options: AnyConnectOptions,
        patience: Duration,
    ) -> Self {
        Self { dialect, options, patience, running: Mutex::new(None) }
    }

    /// Waits for the tables, but not as long as a call may take: to wait says nothing of the database.
    pub(super) async fn wait(&self) -> Result<(), StoreFault> {
        let prepared = waits::at_most(self.patience, self.running()).await;
        Ok(prepared.ok_or(StoreFault::Preparing)??)
    }

    /// Begins, or joins what was begun; begins again after a failure.
    pub(super) fn running(&self) -> Running {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        match &*running {
            Some(running) if !matches!(running.peek(), Some(Err(_))) => running.clone(),
            _ => running.insert(self.begin()).clone(),
        }
    }

    /// The task goes on when those who wait for it give up.
    fn begin(&self) -> Running {
        // Not to reach the database is its illness; callers must hear of it before they give up.
        let reach = self.patience.mul_f32(0.8);
        let task = tokio::spawn(prepare(self.dialect, self.options.clone(), reach));
        let prepared = async move {
            let done = task.await.unwrap_or(Err(MigrateError::Execute(sqlx::Error::WorkerCrashed)));
            done.map_err(Arc::new)
        };
        prepared.boxed().shared()
    }
}

async fn prepare(
    dialect: SqlDialect,
    options: AnyConnectOptions,
    reach: Duration,
) -> Result<(), MigrateError> {
    let work = timeout(LIMIT, try_to_prepare(dialect, &options, reach));
    tokio::pin!(work);
    let done = if let Ok(done) = timeout(NOTICE, &mut work).await {
        done
    } else {
        tracing::warn!("The database is being prepared; this may take minutes after an update");
        let done = work.await;
        tracing::warn!(is_done = matches!(done, Ok(Ok(()))), "The preparation has ended");
        done
    };
    done.unwrap_or_else(|_| Err(late("the tables were not ready in time").into()))
}

/// PostgreSQL lets one process at a time. SQLite may let several, of which all but one then find
/// a table there that was not there a moment ago; they look again.
async fn try_to_prepare(
    dialect: SqlDialect,
    options: &AnyConnectOptions,
    reach: Duration,
) -> Result<(), MigrateError> {
    let tries = if dialect == SqlDialect::Sqlite { TRIES } else { 1 };
    for _ in 1..tries {
        match migrate(dialect, options, reach).await {
            Err(MigrateError::Execute(_) | MigrateError::ExecuteMigration(..)) => {
                sleep(PAUSE).await;
            }
            ended => return ended,
        }
    }
    migrate(dialect, options, reach).await
}

/// Over a connection of its own: if this is given up half-way, the lock on the server goes with the
/// connection instead of staying in a pool.
async fn migrate(
    dialect: SqlDialect,
    options: &AnyConnectOptions,
    reach: Duration,
) -> Result<(), MigrateError> {
    let connected = timeout(reach, connect(dialect, options)).await;
    let mut connection =
        connected.unwrap_or_else(|_| Err(late("the database did not answer in time")))?;
    if dialect == SqlDialect::Sqlite {
        let patient = format!("PRAGMA busy_timeout = {}", LIMIT.as_millis());
        connection.execute(sqlx::AssertSqlSafe(patient)).await?;
    }
    let mut migrator = dialect.migrator();
    migrator.dangerous_set_table_name("_thread_migrations");
    // Not `run`, whose bounds rustc cannot prove for a connection in a boxed future.
    migrator.run_direct(None, &mut connection, false).await?;
    Ok(connection.close().await?)
}

async fn connect(
    dialect: SqlDialect,
    options: &AnyConnectOptions,
) -> Result<AnyConnection, sqlx::Error> {
    let mut connection = options.connect().await?;
    connection.execute(dialect.on_connect()).await?;
    Ok(connection)
}

fn late(what: &'static str) -> sqlx::Error {
    sqlx::Error::Io(io::Error::new(io::ErrorKind::TimedOut, what))
}
