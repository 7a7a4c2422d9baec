//! Who may use a database now, and by which connection.
//!
//! A pool asks each connection that comes back whether it is well, and a server's once more before
//! it goes out: two or three trips for one statement. So connections are kept at hand here while
//! all is well. The pool makes them, and takes back those in doubt.

use std::io;
use std::ops::{Deref, DerefMut};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::future::BoxFuture;
use futures::stream::{self, BoxStream};
use futures::{FutureExt, StreamExt, TryFutureExt};
use sqlx::any::{AnyQueryResult, AnyRow, AnyStatement, AnyTypeInfo};
use sqlx::pool::PoolConnection;
use sqlx::{Any, AnyConnection, AnyPool, Connection, Describe, Either, Execute, Executor, SqlStr};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, timeout};

use super::database::SqlDialect;
use super::waits;

/// A server's connection that said nothing for this long must say that it is well: it may have
/// been cut off without a word.
const FRESH: Duration = Duration::from_secs(1);
/// How long it may take to say so.
const PING_LIMIT: Duration = Duration::from_secs(1);
/// A server's connection that was not needed for this long is given up.
const IDLE: Duration = Duration::from_mins(10);
/// So is one of this age, so that servers that stand behind one name share the work.
const LIFETIME: Duration = Duration::from_mins(30);

/// So many connections, handed out in the order of asking.
#[derive(Debug)]
pub(super) struct FairPool {
    dialect: SqlDialect,
    pool: AnyPool,
    free: Semaphore,
    at_hand: Mutex<Vec<ReadyConnection>>,
    /// How long to wait for one.
    patience: Duration,
}

#[derive(Debug)]
struct ReadyConnection {
    connection: PoolConnection<Any>,
    made_at: Instant,
    idle_since: Instant,
    is_doubted: bool,
}

/// A connection in use. Dropped without [`Self::done`], it goes back by way of the pool, and those
/// at hand are asked whether they are well: what broke this one may have broken them.
pub(super) struct TakenConnection<'a> {
    connection: PoolConnection<Any>,
    made_at: Instant,
    doubt: Doubt<'a>,
    _permit: SemaphorePermit<'a>,
}

struct Doubt<'a>(Option<&'a FairPool>);

impl FairPool {
    /// As many places as the pool has connections.
    pub(super) fn new(dialect: SqlDialect, pool: AnyPool, patience: Duration) -> Self {
        let size = usize::try_from(pool.options().get_max_connections()).unwrap_or(1);
        let (free, at_hand) = (Semaphore::new(size), Mutex::default());
        Self { dialect, pool, free, at_hand, patience }
    }

    /// Waits for a connection. `PoolTimedOut` means that all of ours are in use, and nothing else.
    pub(super) async fn take(&self) -> Result<TakenConnection<'_>, sqlx::Error> {
        let permit = waits::at_most(self.patience, self.free.acquire()).await;
        let permit = permit.ok_or(sqlx::Error::PoolTimedOut)?;
        let permit = permit.map_err(|_| sqlx::Error::PoolClosed)?;
        let (connection, made_at) = match self.at_hand().await {
            Some(ReadyConnection { connection, made_at, .. }) => (connection, made_at),
            None => (self.pool.acquire().await.map_err(unreached)?, Instant::now()),
        };
        Ok(TakenConnection { connection, made_at, doubt: Doubt(Some(self)), _permit: permit })
    }

    async fn at_hand(&self) -> Option<ReadyConnection> {
        let mut newest = self.lock().pop()?;
        let is_fresh = newest.idle_since.elapsed() < FRESH && !newest.is_doubted;
        // A file does not hang up.
        if is_fresh || self.dialect == SqlDialect::Sqlite {
            return Some(newest);
        }
        let answer = timeout(PING_LIMIT.min(self.patience / 2), newest.connection.ping()).await;
        if let Ok(Ok(())) = answer {
            return Some(newest);
        }
        // What cut this one off has cut off the others, which said nothing for longer. The pool
        // would wait for each of them.
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
    /// All went well: whoever is next may have it at once.
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

/// One statement, by whichever connection is free.
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

    fn describe<'e>(self, sql: SqlStr) -> BoxFuture<'e, Result<Describe<Any>, sqlx::Error>>
    where
        'c: 'e,
    {
        async move { self.take().await?.describe(sql).await }.boxed()
    }
}

/// We hold a place, so that the pool did not wait for one of ours but for the database.
fn unreached(error: sqlx::Error) -> sqlx::Error {
    let timed_out = matches!(error, sqlx::Error::PoolTimedOut);
    if timed_out { sqlx::Error::Io(io::ErrorKind::TimedOut.into()) } else { error }
}
