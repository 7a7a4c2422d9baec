//! Hands out database connections in the order of asking.
//!
//! sqlx's pool checks each returned connection, and a server's again before it is used: two or
//! three round trips more for one statement. So connections that worked are kept ready here
//! (ADR 6). The pool opens connections, and takes back those in doubt.

use std::io;
use std::ops::{Deref, DerefMut};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::future::BoxFuture;
use futures::stream::{self, BoxStream};
use futures::{FutureExt, StreamExt, TryFutureExt};
use sqlx::any::{AnyQueryResult, AnyRow, AnyStatement, AnyTypeInfo};
use sqlx::pool::PoolConnection;
use sqlx::{Any, AnyConnection, AnyPool, Connection, Either, Execute, Executor, SqlStr};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, timeout};

use super::database::SqlDialect;
use super::waits::{self, ShortestWait};

/// A server's connection that was idle for longer is checked first: it may have been cut silently.
const FRESH: Duration = Duration::from_secs(1);
const PING_LIMIT: Duration = Duration::from_secs(1);
/// A server's connection that was idle for longer is closed.
const IDLE: Duration = Duration::from_mins(10);
/// So is an older one, so that load spreads again over the servers behind one name.
const LIFETIME: Duration = Duration::from_mins(30);

#[derive(Debug)]
pub(super) struct FairPool {
    dialect: SqlDialect,
    pool: AnyPool,
    free: Semaphore,
    at_hand: Mutex<Vec<ReadyConnection>>,
    patience: Duration,
    shortest_wait: ShortestWait,
}

#[derive(Debug)]
struct ReadyConnection {
    connection: PoolConnection<Any>,
    made_at: Instant,
    idle_since: Instant,
    is_doubted: bool,
}

/// A connection in use. If it is dropped without [`Self::done`], it returns through the pool's
/// health check, and all ready ones are checked too: what broke this one may have broken them.
pub(super) struct TakenConnection<'a> {
    connection: PoolConnection<Any>,
    made_at: Instant,
    doubt: Doubt<'a>,
    _permit: SemaphorePermit<'a>,
}

struct Doubt<'a>(Option<&'a FairPool>);

impl FairPool {
    /// Gives as many permits as the pool has connections, so the pool itself never queues.
    pub(super) fn new(dialect: SqlDialect, pool: AnyPool, patience: Duration) -> Self {
        let size = usize::try_from(pool.options().get_max_connections()).unwrap_or(1);
        let (free, at_hand) = (Semaphore::new(size), Mutex::default());
        let shortest_wait = ShortestWait::default();
        Self { dialect, pool, free, at_hand, patience, shortest_wait }
    }

    /// Waits for a connection. `PoolTimedOut` means only that all connections are in use.
    pub(super) async fn take(&self) -> Result<TakenConnection<'_>, sqlx::Error> {
        let begun = Instant::now();
        let permit = waits::at_most(self.patience, self.free.acquire()).await;
        self.shortest_wait.note(begun);
        let permit = permit.ok_or(sqlx::Error::PoolTimedOut)?;
        let permit = permit.map_err(|_| sqlx::Error::PoolClosed)?;
        let (connection, made_at) = match self.at_hand().await {
            Some(ReadyConnection { connection, made_at, .. }) => (connection, made_at),
            None => (self.pool.acquire().await.map_err(unreached)?, Instant::now()),
        };
        Ok(TakenConnection { connection, made_at, doubt: Doubt(Some(self)), _permit: permit })
    }

    pub(super) fn shortest_wait(&self) -> Duration {
        self.shortest_wait.take()
    }

    async fn at_hand(&self) -> Option<ReadyConnection> {
        // The last one used first: it is most likely still fresh and needs no check.
        let mut newest = self.lock().pop()?;
        let is_fresh = newest.idle_since.elapsed() < FRESH && !newest.is_doubted;
        // A file cannot drop a connection.
        if is_fresh || self.dialect == SqlDialect::Sqlite {
            return Some(newest);
        }
        let answer = timeout(PING_LIMIT.min(self.patience / 2), newest.connection.ping()).await;
        if let Ok(Ok(())) = answer {
            return Some(newest);
        }
        // The others were idle for longer, so they are most likely cut off as well. `detach`,
        // because the pool would wait for a health check of each.
        let others = std::mem::take(&mut *self.lock());
        for cut_off in others.into_iter().chain([newest]) {
            drop(cut_off.connection.detach());
        }
        None
    }

    fn keep(&self, connection: PoolConnection<Any>, made_at: Instant) {
        let now = Instant::now();
        let mut at_hand = self.lock();
        if self.dialect == SqlDialect::Postgres {
            at_hand.retain(|it| now - it.idle_since < IDLE && now - it.made_at < LIFETIME);
        }
        at_hand.push(ReadyConnection { connection, made_at, idle_since: now, is_doubted: false });
    }

    fn lock(&self) -> MutexGuard<'_, Vec<ReadyConnection>> {
        self.at_hand.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl TakenConnection<'_> {
    /// Keeps the connection ready for the next caller, without a check.
    pub(super) fn done(mut self) {
        if let Some(fair_pool) = self.doubt.0.take() {
            fair_pool.keep(self.connection, self.made_at);
        }
    }
}

impl Drop for Doubt<'_> {
    fn drop(&mut self) {
        if let Some(fair_pool) = self.0 {
            fair_pool.lock().iter_mut().for_each(|it| it.is_doubted = true);
        }
    }
}

impl Deref for TakenConnection<'_> {
    type Target = AnyConnection;

    fn deref(&self) -> &AnyConnection {
        &self.connection
    }
}

impl DerefMut for TakenConnection<'_> {
    fn deref_mut(&mut self) -> &mut AnyConnection {
        &mut self.connection
    }
}

impl<'c> Executor<'c> for &'c FairPool {
    type Database = Any;

    fn fetch_many<'e, 'q: 'e, E>(
        self,
        query: E,
    ) -> BoxStream<'e, Result<Either<AnyQueryResult, AnyRow>, sqlx::Error>>
    where
        'c: 'e,
        E: 'q + Execute<'q, Any>,
    {
        let rows = async move {
            let mut taken = self.take().await?;
            // Collected, so that a caller that reads slowly does not hold the connection.
            let rows: Vec<_> = taken.fetch_many(query).collect().await;
            if rows.iter().all(Result::is_ok) {
                taken.done();
            }
            Ok(stream::iter(rows))
        };
        rows.try_flatten_stream().boxed()
    }

    fn fetch_optional<'e, 'q: 'e, E>(
        self,
        query: E,
    ) -> BoxFuture<'e, Result<Option<AnyRow>, sqlx::Error>>
    where
        'c: 'e,
        E: 'q + Execute<'q, Any>,
    {
        let row = async move {
            let mut taken = self.take().await?;
            let row = taken.fetch_optional(query).await?;
            taken.done();
            Ok(row)
        };
        row.boxed()
    }

    fn prepare_with<'e>(
        self,
        sql: SqlStr,
        parameters: &'e [AnyTypeInfo],
    ) -> BoxFuture<'e, Result<AnyStatement, sqlx::Error>>
    where
        'c: 'e,
    {
        async move { self.take().await?.prepare_with(sql, parameters).await }.boxed()
    }
}

/// The caller holds a permit, so a timeout of the pool means that the database did not answer.
/// As an IO error it counts against the database (ADR 6).
fn unreached(error: sqlx::Error) -> sqlx::Error {
    let timed_out = matches!(error, sqlx::Error::PoolTimedOut);
    if timed_out { sqlx::Error::Io(io::ErrorKind::TimedOut.into()) } else { error }
}
