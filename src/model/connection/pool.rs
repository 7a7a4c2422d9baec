//! Idle connections to one server, one pool for each core (ADR 26).

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use http::Request;
use reqwest::Body;
use tokio::time::{Instant, sleep};

use super::BoxError;
use super::connector::Connector;
use super::provider_connection::{ProviderConnection, Stream};
use super::response::ProviderResponse;
use super::sent_bytes::SentBytes;
use base::domain::is_out_of_files;

/// How long an idle connection is kept.
const IDLE: Duration = Duration::from_secs(90);
/// How many idle connections a pool keeps after a burst of requests.
const MOST_IDLE: usize = 256;

/// All pools of the process: when file descriptors run out, idle connections to any server are
/// closed.
static POOLS: Mutex<Vec<Weak<Pool>>> = Mutex::new(Vec::new());

pub(crate) struct Pool {
    connector: Arc<Connector>,
    kept: Mutex<IdleConnections>,
}

#[derive(Default)]
struct IdleConnections {
    /// The last used is at the end.
    connections: Vec<IdleConnection>,
    /// Whether the task that closes old connections runs.
    is_tidied: bool,
}

struct IdleConnection {
    connection: ProviderConnection,
    since: Instant,
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum Lost {
    #[error("no connection")]
    Unconnected(#[source] BoxError),
    /// The connection ended before the answer began.
    #[error("the connection was lost")]
    Cut(#[source] hyper::Error),
}

impl Pool {
    pub(crate) fn new(connector: Arc<Connector>) -> Arc<Self> {
        let pool = Arc::new(Self { connector, kept: Mutex::default() });
        let mut all = POOLS.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|pool| pool.strong_count() > 0);
        all.push(Arc::downgrade(&pool));
        pool
    }

    /// Sends a request, and waits for the answer to begin.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future closes the connection. `sent` then says whether the request was sent.
    pub(crate) async fn send(
        self: &Arc<Self>,
        request: Request<Body>,
        sent: &SentBytes,
    ) -> Result<ProviderResponse, Lost> {
        let mut request = self.connector.address(request);
        let size = request.body().as_bytes().map_or(0, |body| body.len() as u64);
        while let Some(mut connection) = self.take() {
            sent.set(size);
            match connection.send(request).await {
                Ok(response) => {
                    return Ok(ProviderResponse::on(connection, Arc::clone(self), response));
                }
                Err(mut error) => {
                    let Some(back) = error.take_message() else {
                        // The others may be lost too: a retry must get a new one.
                        self.give_up();
                        return Err(Lost::Cut(error.into_error()));
                    };
                    // The server had closed the idle connection and has not seen the request, so
                    // sending it on the next one cannot repeat it (ADR 26).
                    request = back;
                    sent.set(0);
                }
            }
        }
        let stream = self.connect().await.map_err(Lost::Unconnected)?;
        let mut connection = ProviderConnection::over(stream).await.map_err(Lost::Cut)?;
        sent.set(size);
        let response =
            connection.send(request).await.map_err(|error| Lost::Cut(error.into_error()))?;
        Ok(ProviderResponse::on(connection, Arc::clone(self), response))
    }

    /// Without a free file descriptor, closes all idle connections and tries again.
    async fn connect(&self) -> Result<Stream, BoxError> {
        match self.connector.connect().await {
            Err(error) if is_out_of_files(&*error) => {
                // Tried again even if none was idle: another caller in need may have closed them.
                give_up_all();
                self.connector.connect().await
            }
            connected => connected,
        }
    }

    fn give_up(&self) {
        // Dropped after the lock is released: closing a connection does work.
        let idle = std::mem::take(&mut self.kept().connections);
        drop(idle);
    }

    /// Last used first: it is the most likely to be still open.
    fn take(&self) -> Option<ProviderConnection> {
        let mut kept = self.kept();
        while let Some(IdleConnection { mut connection, since }) = kept.connections.pop() {
            // `is_free` polls the connection, so a close by the server is noticed here (ADR 26).
            if since.elapsed() < IDLE && connection.is_free() {
                return Some(connection);
            }
        }
        None
    }

    /// Keeps a connection for the next request if it can take one.
    pub(super) fn lay_back(self: &Arc<Self>, mut connection: ProviderConnection) {
        if !connection.is_free() {
            return;
        }
        let mut kept = self.kept();
        if !std::mem::replace(&mut kept.is_tidied, true) {
            drop(tokio::spawn(tidy(Arc::downgrade(self))));
        }
        if kept.connections.len() == MOST_IDLE {
            drop(kept.connections.remove(0));
        }
        kept.connections.push(IdleConnection { connection, since: Instant::now() });
    }

    fn kept(&self) -> MutexGuard<'_, IdleConnections> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn give_up_all() {
    let all = POOLS.lock().unwrap_or_else(PoisonError::into_inner).clone();
    all.iter().filter_map(Weak::upgrade).for_each(|pool| pool.give_up());
}

/// Closes connections that were idle for too long. Ends when none is left, so an unused pool has no
/// task.
async fn tidy(pool: Weak<Pool>) {
    loop {
        sleep(IDLE / 3).await;
        let Some(pool) = pool.upgrade() else { return };
        let mut kept = pool.kept();
        kept.connections
            .retain_mut(|idle| idle.since.elapsed() < IDLE && idle.connection.is_free());
        kept.is_tidied = !kept.connections.is_empty();
        if !kept.is_tidied {
            return;
        }
    }
}
