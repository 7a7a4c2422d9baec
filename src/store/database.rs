//! Access to one database under a guard: connects lazily and recovers by itself. Statements are
//! elsewhere.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use sqlx::any::{AnyArguments, AnyPoolOptions, AnyRow};
use sqlx::query::Query;
use sqlx::{Any, Connection, Executor};
use tokio::time::timeout;

use super::Settings;
use super::fair_pool::{FairPool, TakenConnection};
use super::fault::StoreFault;
use super::preparation::Preparation;
use super::same_file::SameFile;
use super::waits;
use base::domain::{BreakerReport, BreakerState};
use base::resilience::{Fault, Guard, Verdict};
use chat::StoreResult;

/// Limit of the health check when a connection is returned to the pool.
const PING_LIMIT: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(super) struct Database {
    dialect: SqlDialect,
    reads: Arc<FairPool>,
    writes: Arc<FairPool>,
    preparation: Preparation,
    file: Option<SameFile>,
    patience: Duration,
    guard: Guard,
    timeout: Duration,
}

pub(super) type Statement<'a> = Query<'a, Any, AnyArguments>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SqlDialect {
    Sqlite,
    Postgres,
}

impl Database {
    /// Does not connect yet; refuses an invalid `url`. The tables are prepared through `first`,
    /// which may create the file; everything else uses `url`, which may not.
    pub(super) fn new(
        dialect: SqlDialect,
        first: &str,
        url: &str,
        settings: &Settings,
    ) -> Result<Self, sqlx::Error> {
        // Half of a call's limit for waiting leaves the other half for the statement (ADR 6).
        let patience = settings.timeout / 2;
        let fair_pool = |size: u32| {
            let pool = pool(dialect, patience).max_connections(size).connect_lazy(url)?;
            Ok::<_, sqlx::Error>(Arc::new(FairPool::new(dialect, pool, patience)))
        };
        let (reads, writes) = match dialect {
            // SQLite takes one writer at a time. Writers queue here in order; if they polled for
            // the file's lock, some would starve (ADR 6).
            SqlDialect::Sqlite => (fair_pool(3)?, fair_pool(1)?),
            SqlDialect::Postgres => {
                let fair_pool = fair_pool(8)?;
                (Arc::clone(&fair_pool), fair_pool)
            }
        };
        let preparation = Preparation::new(dialect, first.parse()?, patience);
        let (guard, timeout) = (Guard::new("database", settings.guard), settings.timeout);
        Ok(Self { dialect, reads, writes, preparation, file: None, patience, guard, timeout })
    }

    pub(super) fn reads(&self) -> &FairPool {
        &self.reads
    }

    pub(super) async fn writes(&self) -> Result<TakenConnection<'_>, sqlx::Error> {
        self.writes.take().await
    }

    /// Returns the number of changed rows.
    pub(super) async fn execute(&self, statement: Statement<'static>) -> Result<u64, sqlx::Error> {
        let writes = Arc::clone(&self.writes);
        let changed = waits::apart(async move {
            let mut writing = writes.take().await?;
            let done = statement.execute(&mut *writing).await?;
            writing.done();
            Ok(done.rows_affected())
        });
        changed.await
    }

    /// Writes with one statement that returns rows.
    pub(super) async fn fetch(
        &self,
        statement: Statement<'static>,
    ) -> Result<Vec<AnyRow>, sqlx::Error> {
        let writes = Arc::clone(&self.writes);
        let rows = waits::apart(async move {
            let mut writing = writes.take().await?;
            let rows = statement.fetch_all(&mut *writing).await?;
            writing.done();
            Ok(rows)
        });
        rows.await
    }

    /// How long even the luckiest call has waited for a connection since this was called last.
    pub(super) fn shortest_wait(&self) -> Duration {
        self.reads.shortest_wait().max(self.writes.shortest_wait())
    }

    /// How long one call may wait in total for a connection or a preparation.
    pub(super) fn patience(&self) -> Duration {
        self.patience
    }

    pub(super) fn timeout(&self) -> Duration {
        self.timeout
    }

    pub(super) fn dialect(&self) -> SqlDialect {
        self.dialect
    }

    /// Runs `work` under the guard. It may run again although the first run was committed and only
    /// the answer was lost, so every write must be repeatable.
    pub(super) async fn call<T, F: Future<Output = Result<T, StoreFault>>>(
        &self,
        work: impl Fn() -> F,
    ) -> StoreResult<T> {
        let is_unsure = AtomicBool::new(false);
        let attempt = || async {
            self.preparation.wait().await?;
            self.is_there()?;
            let done = work().await;
            if done.as_ref().is_err_and(|fault| fault.verdict() == Verdict::Ill) {
                is_unsure.store(true, Ordering::Relaxed);
            }
            // Checked again: a write into a removed file succeeds, but must not be reported as
            // stored (ADR 6).
            self.is_there()?;
            done
        };
        let done = waits::in_one_call(self.guard.call_within(self.timeout, attempt)).await;
        // An earlier attempt may have been committed: "busy" would say that nothing was done.
        Ok(done.map_err(|fault| if is_unsure.into_inner() { fault.after_doubt() } else { fault })?)
    }

    /// Waits for the tables, at most as long as a call does. The work continues after that.
    pub(super) async fn prepare(&self) -> Result<(), StoreFault> {
        self.preparation.wait().await
    }

    /// Fails calls as soon as `path` leads to another file than now.
    pub(super) fn keeping_to(self, path: &Path) -> io::Result<Self> {
        Ok(Self { file: Some(SameFile::at(path)?), ..self })
    }

    /// Starts the preparation, so that the first caller need not wait for it.
    pub(super) fn begin_to_prepare(&self) {
        drop(self.preparation.running());
    }

    /// The breaker, shown as open while the database file is gone.
    pub(super) fn report(&self) -> BreakerReport {
        let report = self.guard.report();
        if self.is_gone() { BreakerReport { state: BreakerState::Open, ..report } } else { report }
    }

    fn is_there(&self) -> Result<(), StoreFault> {
        if self.is_gone() { Err(StoreFault::Gone) } else { Ok(()) }
    }

    fn is_gone(&self) -> bool {
        self.file.as_ref().is_some_and(SameFile::is_gone)
    }
}

impl SqlDialect {
    /// IMMEDIATE: a SQLite transaction that begins with a read cannot always become a writer.
    pub(super) const fn begin(self) -> &'static str {
        self.either("BEGIN IMMEDIATE", "BEGIN")
    }

    pub(super) const fn either(self, sqlite: &'static str, postgres: &'static str) -> &'static str {
        match self {
            Self::Sqlite => sqlite,
            Self::Postgres => postgres,
        }
    }

    /// SQLite: WAL lets readers continue beside the writer. NORMAL keeps every commit when the
    /// process is killed, and loses at most the last moment in a power cut, without waiting for
    /// the disk at each item. The busy timeout is shorter than a call's limit.
    ///
    /// PostgreSQL: a client that vanishes inside a transaction must not lock a thread for hours.
    pub(super) const fn on_connect(self) -> &'static str {
        match self {
            Self::Sqlite => {
                "PRAGMA busy_timeout = 1000; PRAGMA journal_mode = WAL; \
                 PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = ON; PRAGMA cache_size = -512"
            }
            Self::Postgres => "SET idle_in_transaction_session_timeout = '10s'",
        }
    }
}

fn pool(dialect: SqlDialect, patience: Duration) -> AnyPoolOptions {
    let options =
        AnyPoolOptions::new().acquire_timeout(patience).after_connect(move |connection, _| {
            Box::pin(async move {
                connection.execute(dialect.on_connect()).await?;
                Ok(())
            })
        });
    match dialect {
        // A file cannot drop a connection, so a check before each use is wasted.
        SqlDialect::Sqlite => options.test_before_acquire(false),
        // Without a limit, a connection to a silent server would hold its place in the pool until
        // TCP gives up after about 15 minutes.
        SqlDialect::Postgres => options.after_release(|connection, _| {
            Box::pin(async move {
                let answer = timeout(PING_LIMIT, connection.ping()).await;
                answer.map_err(|_| sqlx::Error::PoolTimedOut)?.map(|()| true)
            })
        }),
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::time::Duration;

    use sqlx::any::install_default_drivers;
    use tempfile::TempDir;

    use super::{Database, Settings, SqlDialect, StoreFault};
    use base::resilience::{BreakerSettings, GuardSettings};
    use chat::ThreadsError;

    const TIMEOUT: Duration = Duration::from_secs(5);

    /// Each wait is shorter than the patience; together they are longer than the call's limit.
    #[tokio::test]
    async fn a_call_that_waits_more_than_once_for_a_place_is_no_illness_of_the_database() {
        let folder = TempDir::new().unwrap();
        let database = prepared(&folder).await;
        tokio::time::pause();
        let hold = async |from: f64, time: f64| {
            tokio::time::sleep(Duration::from_secs_f64(from)).await;
            let writing = database.writes().await.unwrap();
            tokio::time::sleep(Duration::from_secs_f64(time)).await;
            writing.done();
        };
        let call = database.call(async || {
            for _ in 0..3 {
                tokio::time::sleep(Duration::from_millis(10)).await;
                database.writes().await?.done();
            }
            Ok::<_, StoreFault>(())
        });

        let ((), (), (), called) =
            tokio::join!(hold(0.0, 2.0), hold(1.0, 2.4), hold(3.0, 2.0), call);

        assert!(matches!(called, Err(ThreadsError::Busy)), "{called:?}");
        assert_eq!(database.report().calls.failed, 0);
    }

    #[tokio::test]
    async fn a_call_that_may_have_been_done_is_never_told_as_busy() {
        let folder = TempDir::new().unwrap();
        let database = prepared(&folder).await;
        let attempts = AtomicU32::new(0);

        let called = database.call(async || match attempts.fetch_add(1, Ordering::Relaxed) {
            0 => Err::<(), _>(StoreFault::Sql(io::Error::from(io::ErrorKind::BrokenPipe).into())),
            _ => Err(StoreFault::Sql(sqlx::Error::PoolTimedOut)),
        });

        let called = called.await;
        assert!(matches!(called, Err(ThreadsError::Unavailable(_))), "{called:?}");
        assert_eq!(attempts.into_inner(), 2);
    }

    async fn prepared(folder: &TempDir) -> Database {
        install_default_drivers();
        let url = format!("sqlite://{}?mode=rwc", folder.path().join("a.db").display());
        let breaker = BreakerSettings { max_failures: 3, cool_down: Duration::from_secs(1) };
        let (min_delay, max_delay) = (Duration::from_millis(10), Duration::from_millis(50));
        let guard = GuardSettings { breaker, retries: 2, min_delay, max_delay, jitter: false };
        let settings = Settings { url: url.clone(), timeout: TIMEOUT, guard };
        let database = Database::new(SqlDialect::Sqlite, &url, &url, &settings).unwrap();
        database.prepare().await.unwrap();
        database.writes().await.unwrap().done();
        database
    }
}
