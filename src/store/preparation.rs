//! Creates or updates the tables once, in a separate task with its own limit. A migration inside a
//! user's call was rolled back at the call's limit and retried forever (ADR 6).

use std::io;
use std::pin::Pin;
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
use super::migrations::migrator;
use super::waits;

/// An index on a large table takes minutes, and so does waiting for a replica that builds it.
const LIMIT: Duration = Duration::from_mins(15);

/// A preparation that takes longer is logged.
const NOTICE: Duration = Duration::from_secs(2);

/// How often a long preparation is told of.
const PROGRESS: Duration = Duration::from_secs(10);

/// Attempts on a file that other processes prepare at the same time, and the pause between them.
const TRIES: u32 = 5;
const PAUSE: Duration = Duration::from_millis(100);

#[derive(Debug)]
pub(super) struct Preparation {
    dialect: SqlDialect,
    options: AnyConnectOptions,
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

    /// Waits for less than a call's limit, so that waiting is not read as a failing database.
    pub(super) async fn wait(&self) -> Result<(), StoreFault> {
        let prepared = waits::at_most(self.patience, self.running()).await;
        Ok(prepared.ok_or(StoreFault::Preparing)??)
    }

    /// Starts the task or joins the running one; starts again after a failure.
    pub(super) fn running(&self) -> Running {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        match &*running {
            Some(running) if !matches!(running.peek(), Some(Err(_))) => running.clone(),
            _ => running.insert(self.begin()).clone(),
        }
    }

    /// The task continues when its callers give up.
    fn begin(&self) -> Running {
        // Less than a caller waits: "cannot be reached" counts against the database and must arrive
        // before the caller gives up with "is being prepared", which does not.
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
    let done = match timeout(NOTICE, &mut work).await {
        Ok(done) => done,
        Err(_) => tell_of(work).await,
    };
    done.unwrap_or_else(|_| Err(late("the tables were not ready in time").into()))
}

/// Waits for a long preparation, and says again and again that it goes on.
async fn tell_of<T>(mut work: Pin<&mut impl Future<Output = T>>) -> T {
    for times in 0_u32.. {
        let seconds = (NOTICE + PROGRESS * times).as_secs();
        tracing::warn!(seconds, "The database is being prepared, which may take minutes");
        if let Ok(done) = timeout(PROGRESS, &mut work).await {
            return done;
        }
    }
    work.await
}

/// PostgreSQL admits one process at a time. SQLite may admit several: all but one then find a
/// table that did not exist a moment ago, and must look again.
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

/// Uses its own connection: if the task is dropped half-way, sqlx's lock on the server ends with
/// the connection and does not stay in a pool.
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
    // The todo server uses the default table: both may share one database.
    let mut migrator = migrator(dialect);
    migrator.dangerous_set_table_name("_thread_migrations");
    // Not `run`: rustc cannot prove its bounds for a connection in a boxed future.
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
