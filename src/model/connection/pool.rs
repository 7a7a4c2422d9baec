//! The connections that nobody uses at the moment.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use http::Request;
use reqwest::Body;
use tokio::time::{Instant, sleep};

use super::BoxError;
use super::connector::Connector;
use super::provider_connection::{ProviderConnection, Stream};
use super::response::ProviderResponse;
use crate::domain::is_out_of_files;

/// How long a connection is kept that nobody uses.
const IDLE: Duration = Duration::from_secs(90);
/// How many of them at most: what a crowd leaves behind, for the next.
const MOST_IDLE: usize = 256;

/// All pools of the process, as files are: connections that nobody uses make way, wherever they lead.
static POOLS: Mutex<Vec<Weak<Pool>>> = Mutex::new(Vec::new());

/// Connections to one server, on one core.
pub(in crate::model) struct Pool {
    connector: Arc<Connector>,
    kept: Mutex<IdleConnections>,
}

#[derive(Default)]
struct IdleConnections {
    /// The one that was used last is at the end.
    connections: Vec<IdleConnection>,
    /// Whether somebody looks after what lies here.
    is_tidied: bool,
}

struct IdleConnection {
    connection: ProviderConnection,
    since: Instant,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(in crate::model) enum Lost {
    /// No connection.
    #[error("no connection")]
    Unconnected(#[source] BoxError),
    /// It was there, and ended before the answer began.
    #[error("the connection was lost")]
    Cut(#[source] hyper::Error),
}

impl Pool {
    /// No connection yet.
    pub(in crate::model) fn new(connector: Arc<Connector>) -> Arc<Self> {
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
    /// Dropping the future closes the connection.
    pub(in crate::model) async fn send(
        self: &Arc<Self>,
        request: Request<Body>,
    ) -> Result<ProviderResponse, Lost> {
        let mut request = self.connector.address(request);
        while let Some(mut connection) = self.take() {
            match connection.send(request).await {
                Ok(response) => {
                    return Ok(ProviderResponse::on(connection, Arc::clone(self), response));
                }
                Err(mut error) => {
                    let Some(back) = error.take_message() else {
                        // The others may be lost as well: whoever asks again has a new one.
                        self.give_up();
                        return Err(Lost::Cut(error.into_error()));
                    };
                    // The server had closed it, and has not seen the request.
                    request = back;
                }
            }
        }
        let stream = self.connect().await.map_err(Lost::Unconnected)?;
        let mut connection = ProviderConnection::over(stream).await.map_err(Lost::Cut)?;
        let response =
            connection.send(request).await.map_err(|error| Lost::Cut(error.into_error()))?;
        Ok(ProviderResponse::on(connection, Arc::clone(self), response))
    }

    /// Idle connections make way if there is no file for a new one.
    async fn connect(&self) -> Result<Stream, BoxError> {
        match self.connector.connect().await {
            Err(error) if is_out_of_files(&*error) => {
                // Whether by us or by somebody else who found no file either.
                give_up_all();
                self.connector.connect().await
            }
            connected => connected,
        }
    }

    /// Closes all idle connections.
    fn give_up(&self) {
        // Let go of once the lock is.
        let idle = std::mem::take(&mut self.kept().connections);
        drop(idle);
    }

    /// The connection that was used last is the likeliest to be open still.
    fn take(&self) -> Option<ProviderConnection> {
        let mut kept = self.kept();
        while let Some(IdleConnection { mut connection, since }) = kept.connections.pop() {
            if since.elapsed() < IDLE && connection.is_free() {
                return Some(connection);
            }
        }
        None
    }

    /// Keeps a connection for the next request, if it is good for one.
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

/// Closes the idle connections of all pools.
fn give_up_all() {
    let all = POOLS.lock().unwrap_or_else(PoisonError::into_inner).clone();
    all.iter().filter_map(Weak::upgrade).for_each(|pool| pool.give_up());
}

/// Closes what nobody used for long, until there is nothing left.
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
