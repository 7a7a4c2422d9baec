//! A guarded way to a database: prepared at its first use, healed by itself.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use sqlx::any::{AnyArguments, AnyPoolOptions, AnyRow};
use sqlx::migrate::Migrator;
use sqlx::query::Query;
use sqlx::{Any, Connection, Executor};
use tokio::time::timeout;

use super::Settings;
use super::fair_pool::{FairPool, TakenConnection};
use super::fault::StoreFault;
use super::preparation::Preparation;
use super::same_file::SameFile;
use super::waits;
use crate::chat::StoreResult;
use crate::domain::{BreakerReport, BreakerState};
use crate::resilience::Guard;

/// How long a connection may take to say that it is well when it is given back.
const PING_LIMIT: Duration = Duration::from_secs(1);

/// A database that may not be connected yet.
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

/// Something to write.
pub(super) type Statement<'a> = Query<'a, Any, AnyArguments>;

/// What differs between the databases that we can use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SqlDialect {
    /// A file.
    Sqlite,
    /// A server.
    Postgres,
}

impl Database {
    /// Connects to nothing yet; refuses a `url` that can never be one. What is prepared by way of
    /// `first` is used by way of `url`.
    pub(super) fn new(
        dialect: SqlDialect,
        first: &str,
        url: &str,
        settings: &Settings,
    ) -> Result<Self, sqlx::Error> {
        let patience = settings.timeout / 2;
        let fair_pool = |size: u32| {
            let pool = pool(dialect, patience).max_connections(size).connect_lazy(url)?;
            Ok::<_, sqlx::Error>(Arc::new(FairPool::new(dialect, pool, patience)))
        };
        let (reads, writes) = match dialect {
            // A file takes one writer at a time: they queue in order here, or they would poll for
            // its lock and some starve.
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

    /// Where to read.
    pub(super) fn reads(&self) -> &FairPool {
        &self.reads
    }

    /// Waits for a connection to write by.
    pub(super) async fn writes(&self) -> Result<TakenConnection<'_>, sqlx::Error> {
        self.writes.take().await
    }

    /// Writes by one statement, and counts the rows that it changed.
    pub(super) async fn execute(&self, statement: Statement<'_>) -> Result<u64, sqlx::Error> {
        let mut writing = self.writes().await?;
        let done = statement.execute(&mut *writing).await?;
        writing.done();
        Ok(done.rows_affected())
    }

    /// Writes by one statement, and gives the rows that it returns.
    pub(super) async fn fetch(&self, statement: Statement<'_>) -> Result<Vec<AnyRow>, sqlx::Error> {
        let mut writing = self.writes().await?;
        let rows = statement.fetch_all(&mut *writing).await?;
        writing.done();
        Ok(rows)
    }

    /// How long to wait for others before us: that leaves time for our own statement.
    pub(super) fn patience(&self) -> Duration {
        self.patience
    }

    /// The longest that one call may take.
    pub(super) fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Which kind it is.
    pub(super) fn dialect(&self) -> SqlDialect {
        self.dialect
    }

    /// Works under the guard. `work` may be done twice, even if the first time was committed.
    pub(super) async fn call<T, F: Future<Output = Result<T, StoreFault>>>(
        &self,
        work: impl Fn() -> F,
    ) -> StoreResult<T> {
        let attempt = || async {
            self.preparation.wait().await?;
            self.is_there()?;
            let done = work().await;
            // Once more, so that nothing is said to be kept that went into a file that is gone.
            self.is_there()?;
            done
        };
        Ok(waits::in_one_call(self.guard.call_within(self.timeout, attempt)).await?)
    }

    /// Makes or updates the tables, and waits as long for them as a call does.
    pub(super) async fn prepare(&self) -> Result<(), StoreFault> {
        self.preparation.wait().await
    }

    /// Keeps to the file that lies there now.
    pub(super) fn keeping_to(self, path: &Path) -> io::Result<Self> {
        Ok(Self { file: Some(SameFile::at(path)?), ..self })
    }

    /// Begins to make or update the tables, so that the first caller need not wait.
    pub(super) fn begin_to_prepare(&self) {
        drop(self.preparation.running());
    }

    /// Its breaker.
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
    /// Begins a transaction that writes.
    pub(super) const fn begin(self) -> &'static str {
        self.either("BEGIN IMMEDIATE", "BEGIN")
    }

    /// One of two texts.
    pub(super) const fn either(self, sqlite: &'static str, postgres: &'static str) -> &'static str {
        match self {
            Self::Sqlite => sqlite,
            Self::Postgres => postgres,
        }
    }

    /// The tables; what is written to them is the same for all.
    pub(super) fn migrator(self) -> Migrator {
        match self {
            Self::Sqlite => sqlx::migrate!("src/store/migrations/sqlite"),
            Self::Postgres => sqlx::migrate!("src/store/migrations/postgres"),
        }
    }

    /// SQLite: WAL lets readers go on beside the writer. NORMAL keeps every commit through a
    /// killed process, and all but the last moment through a power cut, without a wait for the
    /// disk before each item. Locks are waited for shorter than a call may take.
    ///
    /// PostgreSQL: whoever vanishes inside a transaction must not lock a thread for hours.
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
        // A file does not hang up.
        SqlDialect::Sqlite => options.test_before_acquire(false),
        // A connection to a server that fell silent would keep its place in the pool until TCP
        // gives up, which takes a quarter of an hour.
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
    use std::time::Duration;

    use sqlx::any::install_default_drivers;
    use tempfile::TempDir;

    use super::{Database, Settings, SqlDialect, StoreFault};
    use crate::chat::ThreadsError;
    use crate::resilience::{BreakerSettings, GuardSettings};

    const TIMEOUT: Duration = Duration::from_secs(5);

    /// Each wait is shorter than the patience; all of them are longer than the call may take.
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

        assert!(matches!(called, Err(ThreadsError::Unavailable(_))), "{called:?}");
        assert_eq!(database.report().calls.failed, 0);
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
