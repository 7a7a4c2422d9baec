//! Creates or updates the tables in a task of its own. A migration inside a call would be rolled back
//! at the call's limit, and one that the start waits for would end with whoever waits for the start.

use std::error::Error;
use std::time::Duration;

use sqlx::migrate::{MigrateError, Migration, MigrationType, Migrator};
use sqlx::{AnyPool, Executor, SqlStr};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};

use super::refusal::Refusal;
use super::sql_dialect::SqlDialect;

/// A preparation that takes longer is logged, and the start no longer waits for it.
const NOTICE: Duration = Duration::from_secs(2);
/// How often it is logged that a preparation continues.
const PROGRESS: Duration = Duration::from_secs(10);
/// The pause after a preparation that failed.
const AGAIN: Duration = Duration::from_secs(5);

/// Attempts on a file that other processes open at the same time.
const TRIES: u32 = 5;
const PAUSE: Duration = Duration::from_millis(100);

/// Whether the tables are ready.
#[derive(Clone, Debug)]
pub(super) struct Preparation(watch::Receiver<bool>);

type Prepared = Result<(), MigrateError>;

struct Work {
    pool: AnyPool,
    dialect: SqlDialect,
    task: JoinHandle<Prepared>,
}

impl Preparation {
    /// Begins it and waits for a moment. After that it continues in the background, and is tried
    /// again if it fails.
    pub(super) async fn begin(pool: AnyPool, dialect: SqlDialect) -> Result<Self, MigrateError> {
        let mut work = Work::begin(pool, dialect);
        let ready = timeout(NOTICE, work.ended()).await.ok().transpose()?.is_some();
        let (tell, told) = watch::channel(ready);
        if !ready {
            drop(tokio::spawn(work.finish(tell)));
        }
        Ok(Self(told))
    }

    pub(super) fn check(&self) -> Result<(), Refusal> {
        if *self.0.borrow() { Ok(()) } else { Err(Refusal::Preparing) }
    }
}

impl Work {
    fn begin(pool: AnyPool, dialect: SqlDialect) -> Self {
        let task = tokio::spawn(prepare(pool.clone(), dialect));
        Self { pool, dialect, task }
    }

    async fn ended(&mut self) -> Prepared {
        let crashed = |_| Err(MigrateError::Execute(sqlx::Error::WorkerCrashed));
        (&mut self.task).await.unwrap_or_else(crashed)
    }

    async fn finish(mut self, tell: watch::Sender<bool>) {
        tracing::warn!(
            "The todo database is being prepared; this may take minutes after an update"
        );
        let began = Instant::now();
        while !tell.is_closed() {
            let ended = timeout(PROGRESS, self.ended()).await;
            note(ended.as_ref().ok(), began.elapsed().as_secs());
            match ended {
                Ok(Ok(())) => {
                    tell.send_replace(true);
                    return;
                }
                Ok(Err(_)) => {
                    sleep(AGAIN).await;
                    self = Self::begin(self.pool, self.dialect);
                }
                Err(_) => {}
            }
        }
    }
}

/// `ended` is none while the work continues.
fn note(ended: Option<&Prepared>, seconds: u64) {
    let told = match ended {
        None => "is still being prepared",
        Some(Ok(())) => "is ready",
        Some(Err(_)) => "could not be prepared and is tried again",
    };
    let error = ended.and_then(|ended| ended.as_ref().err()).map(|error| error as &dyn Error);
    tracing::warn!(error, seconds, "The todo database {told}");
}

/// PostgreSQL admits one process at a time. SQLite may admit several: all but one then find the
/// file locked, or a table that did not exist a moment ago, and must look again.
async fn prepare(pool: AnyPool, dialect: SqlDialect) -> Prepared {
    let tries = if dialect == SqlDialect::Sqlite { TRIES } else { 1 };
    for _ in 1..tries {
        match migrate(&pool, dialect).await {
            Err(MigrateError::Execute(_) | MigrateError::ExecuteMigration(..)) => {
                sleep(PAUSE).await;
            }
            ended => return ended,
        }
    }
    migrate(&pool, dialect).await
}

async fn migrate(pool: &AnyPool, dialect: SqlDialect) -> Prepared {
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
        ("owners", include_str!("migrations/0003_owners.sql")),
        ("changes", include_str!("migrations/0004_changes.sql")),
    ];
    let steps = (1..).zip(steps).map(|(version, (description, sql))| {
        let (kind, sql) = (MigrationType::Simple, SqlStr::from_static(sql));
        Migration::new(version, description.into(), kind, sql, false)
    });
    Migrator::with_migrations(steps.collect())
}
