//! The sessions of 2025-11-25: a bounded number, each for the token that opened it. rmcp has no bound
//! of its own.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::stream::repeat;
use futures::{Stream, StreamExt};
use rmcp::model::{ClientJsonRpcMessage, ServerJsonRpcMessage};
use rmcp::transport::streamable_http_server::session::local::{
    LocalSessionManager, LocalSessionManagerError,
};
use rmcp::transport::streamable_http_server::session::{
    ServerSseMessage, SessionId, SessionManager,
};
use tokio::time::Instant;

/// Enough for many replicas, at some 60 KiB each; a client whose session was closed opens another.
pub(super) const MAX_SESSIONS: usize = 500;
/// A session is closed after this time without a message.
const IDLE: Duration = Duration::from_mins(5);

pub(super) struct Sessions {
    inner: LocalSessionManager,
    open: Mutex<HashMap<SessionId, OpenSession>>,
    most: usize,
}

struct OpenSession {
    /// The name of the token that opened it; none until that is known.
    holder: Option<Arc<str>>,
    used: Instant,
    /// Each stream that somebody reads holds a clone.
    streams: Arc<()>,
}

#[derive(Debug, thiserror::Error)]
pub(super) enum SessionFault {
    #[error("all sessions are in use")]
    Full,
    #[error(transparent)]
    Local(#[from] LocalSessionManagerError),
}

impl Sessions {
    pub(super) fn at_most(most: usize) -> Self {
        let mut inner = LocalSessionManager::default();
        inner.session_config.keep_alive = Some(IDLE);
        Self { inner, open: Mutex::default(), most }
    }

    /// Stores who opened a session.
    pub(super) fn bind(&self, id: &str, holder: &Arc<str>) {
        if let Some(session) = self.lock().get_mut(id) {
            session.holder = Some(Arc::clone(holder));
        }
    }

    /// An id that leaked opens nothing without the token.
    pub(super) fn belongs_to(&self, id: &str, holder: &str) -> bool {
        let open = self.lock();
        open.get(id).is_some_and(|session| session.holder.as_deref() == Some(holder))
    }

    /// Takes up a new session. Returns the one to close for it: the longest unused that nobody
    /// reads, otherwise one of a holder that has more than half of them, or the new one itself.
    fn admit(&self, new: &SessionId) -> Option<SessionId> {
        let mut open = self.lock();
        let session = OpenSession { holder: None, used: Instant::now(), streams: Arc::default() };
        open.insert(Arc::clone(new), session);
        if open.len() <= self.most {
            return None;
        }
        let others = open.iter().filter(|(id, session)| *id != new && !session.is_read());
        let oldest = others.min_by_key(|(_, session)| session.used);
        let surplus = oldest.or_else(|| self.of_the_greedy(&open));
        let surplus = Arc::clone(surplus.map_or(new, |(id, _)| id));
        open.remove(&surplus);
        Some(surplus)
    }

    /// The longest unused session of a holder that has more than half of all.
    fn of_the_greedy<'a>(
        &self,
        open: &'a HashMap<SessionId, OpenSession>,
    ) -> Option<(&'a SessionId, &'a OpenSession)> {
        let mut counts: HashMap<&str, usize> = HashMap::new();
        for holder in open.values().filter_map(|session| session.holder.as_deref()) {
            *counts.entry(holder).or_default() += 1;
        }
        let (greedy, _) = counts.into_iter().find(|(_, count)| *count > self.most / 2)?;
        let theirs = open.iter().filter(|(_, it)| it.holder.as_deref() == Some(greedy));
        theirs.min_by_key(|(_, session)| session.used)
    }

    /// Marks a session as used, and as read while the result is held.
    fn touch(&self, id: &SessionId) -> Option<Arc<()>> {
        let mut open = self.lock();
        let session = open.get_mut(id)?;
        session.used = Instant::now();
        Some(Arc::clone(&session.streams))
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<SessionId, OpenSession>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl OpenSession {
    fn is_read(&self) -> bool {
        Arc::strong_count(&self.streams) > 1
    }
}

impl SessionManager for Sessions {
    type Error = SessionFault;
    type Transport = <LocalSessionManager as SessionManager>::Transport;

    async fn create_session(&self) -> Result<(SessionId, Self::Transport), SessionFault> {
        let (id, transport) = self.inner.create_session().await?;
        let Some(surplus) = self.admit(&id) else { return Ok((id, transport)) };
        self.inner.close_session(&surplus).await?;
        if surplus == id { Err(SessionFault::Full) } else { Ok((id, transport)) }
    }

    async fn initialize_session(
        &self,
        id: &SessionId,
        message: ClientJsonRpcMessage,
    ) -> Result<ServerJsonRpcMessage, SessionFault> {
        Ok(self.inner.initialize_session(id, message).await?)
    }

    async fn has_session(&self, id: &SessionId) -> Result<bool, SessionFault> {
        Ok(self.touch(id).is_some() && self.inner.has_session(id).await?)
    }

    async fn close_session(&self, id: &SessionId) -> Result<(), SessionFault> {
        self.lock().remove(id);
        Ok(self.inner.close_session(id).await?)
    }

    async fn create_stream(
        &self,
        id: &SessionId,
        message: ClientJsonRpcMessage,
    ) -> Result<impl Stream<Item = ServerSseMessage> + Send + Sync + 'static, SessionFault> {
        let reader = self.touch(id);
        Ok(held(self.inner.create_stream(id, message).await?, reader))
    }

    async fn accept_message(
        &self,
        id: &SessionId,
        message: ClientJsonRpcMessage,
    ) -> Result<(), SessionFault> {
        Ok(self.inner.accept_message(id, message).await?)
    }

    async fn create_standalone_stream(
        &self,
        id: &SessionId,
    ) -> Result<impl Stream<Item = ServerSseMessage> + Send + Sync + 'static, SessionFault> {
        let reader = self.touch(id);
        Ok(held(self.inner.create_standalone_stream(id).await?, reader))
    }

    async fn resume(
        &self,
        id: &SessionId,
        last_event_id: String,
    ) -> Result<impl Stream<Item = ServerSseMessage> + Send + Sync + 'static, SessionFault> {
        let reader = self.touch(id);
        Ok(held(self.inner.resume(id, last_event_id).await?, reader))
    }
}

fn held<S: Stream>(stream: S, reader: Option<Arc<()>>) -> impl Stream<Item = S::Item> {
    stream.zip(repeat(reader)).map(|(message, _)| message)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use rmcp::ServiceExt;
    use rmcp::model::ClientJsonRpcMessage;
    use rmcp::transport::streamable_http_server::session::{SessionId, SessionManager};
    use serde_json::json;

    use super::{SessionFault, Sessions};
    use crate::{Settings, TodoServer};

    #[tokio::test]
    async fn a_session_that_somebody_reads_is_not_closed_for_another() {
        let sessions = Sessions::at_most(2);
        let (read, unread) = (open(&sessions).await.unwrap(), open(&sessions).await.unwrap());
        let stream = sessions.create_standalone_stream(&read).await.unwrap();

        let third = open(&sessions).await.unwrap();
        let other = sessions.create_standalone_stream(&third).await.unwrap();
        let refused = open(&sessions).await.unwrap_err();

        assert!(matches!(refused, SessionFault::Full), "{refused}");
        let mut there = Vec::new();
        for id in [&read, &unread, &third] {
            there.push(sessions.has_session(id).await.unwrap());
        }
        assert_eq!(there, [true, false, true]);
        drop((stream, other));
        open(&sessions).await.unwrap();
        assert!(!sessions.has_session(&read).await.unwrap());
    }

    #[tokio::test]
    async fn whoever_has_more_than_half_of_all_sessions_makes_way() {
        let sessions = Sessions::at_most(4);
        let (many, one) = (Arc::from("many"), Arc::from("one"));
        let mut streams = Vec::new();
        let mut ids = Vec::new();
        for holder in [&many, &many, &many, &one] {
            let id = open(&sessions).await.unwrap();
            sessions.bind(&id, holder);
            streams.push(sessions.create_standalone_stream(&id).await.unwrap());
            ids.push(id);
        }

        let next = open(&sessions).await.unwrap();
        sessions.bind(&next, &one);

        assert!(!sessions.has_session(&ids[0]).await.unwrap(), "the longest unused of many");
        assert!(sessions.has_session(&ids[3]).await.unwrap());
        assert!(sessions.has_session(&next).await.unwrap());
    }

    async fn open(sessions: &Sessions) -> Result<SessionId, SessionFault> {
        let settings =
            Settings { database_url: "memory".to_owned(), allowed_hosts: Vec::new(), tokens: None };
        let server = TodoServer::open(&settings).await.unwrap();
        let (id, transport) = sessions.create_session().await?;
        drop(tokio::spawn(async move { server.serve(transport).await.unwrap().waiting().await }));
        sessions
            .initialize_session(
                &id,
                message(&json!({
                    "jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
                        "protocolVersion": "2025-11-25", "capabilities": {},
                        "clientInfo": { "name": "test", "version": "1" },
                    },
                })),
            )
            .await?;
        Ok(id)
    }

    fn message(json: &serde_json::Value) -> ClientJsonRpcMessage {
        serde_json::from_value(json.clone()).unwrap()
    }
}
