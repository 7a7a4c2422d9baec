//! Who may write to a database now.
//!
//! A pool asks every connection that comes back whether it is well. For a file that costs as much
//! as what was written, so the one connection that writes to it is kept at hand while all is well.

use std::ops::{Deref, DerefMut};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use sqlx::pool::PoolConnection;
use sqlx::{Any, AnyConnection, AnyPool};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::timeout;

/// The connections that write.
#[derive(Debug)]
pub(super) struct Writer {
    pool: AnyPool,
    hand: Option<Hand>,
    /// How long to wait for one.
    patience: Duration,
}

/// The only writer of a file, between two statements.
#[derive(Debug)]
struct Hand {
    turn: Semaphore,
    connection: Mutex<Option<PoolConnection<Any>>>,
}

/// A connection to write by. Dropped without [`Self::done`], it goes back by way of the pool.
pub(super) struct Writing<'a> {
    connection: PoolConnection<Any>,
    hand: Option<(&'a Hand, SemaphorePermit<'a>)>,
}

impl Writer {
    /// Writes to a server by any connection of this pool.
    pub(super) const fn to_server(pool: AnyPool, patience: Duration) -> Self {
        Self { pool, hand: None, patience }
    }

    /// Writes to a file by the one connection of this pool. A file takes one writer at a time:
    /// they queue in order here, or they would poll for its lock and some starve.
    pub(super) const fn to_file(pool: AnyPool, patience: Duration) -> Self {
        let hand = Hand { turn: Semaphore::const_new(1), connection: Mutex::new(None) };
        Self { pool, hand: Some(hand), patience }
    }

    /// Waits for a connection.
    pub(super) async fn connection(&self) -> Result<Writing<'_>, sqlx::Error> {
        let Some(hand) = &self.hand else {
            return Ok(Writing { connection: self.pool.acquire().await?, hand: None });
        };
        let turn = timeout(self.patience, hand.turn.acquire()).await;
        let turn = turn.map_err(|_| sqlx::Error::PoolTimedOut)?;
        let turn = turn.map_err(|_| sqlx::Error::PoolClosed)?;
        let at_hand = hand.lock().take();
        let connection = match at_hand {
            Some(connection) => connection,
            None => self.pool.acquire().await?,
        };
        Ok(Writing { connection, hand: Some((hand, turn)) })
    }
}

impl Hand {
    fn lock(&self) -> std::sync::MutexGuard<'_, Option<PoolConnection<Any>>> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Writing<'_> {
    /// All went well: whoever is next may have it at once.
    pub(super) fn done(self) {
        if let Some((hand, _turn)) = self.hand {
            *hand.lock() = Some(self.connection);
        }
    }
}

impl Deref for Writing<'_> {
    type Target = AnyConnection;

    fn deref(&self) -> &AnyConnection {
        &self.connection
    }
}

impl DerefMut for Writing<'_> {
    fn deref_mut(&mut self) -> &mut AnyConnection {
        &mut self.connection
    }
}
