//! One call on the wire: its progress is heard, and the server is told if nobody waits any more.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rmcp::model::{
    CallToolRequest, CallToolRequestParams, CallToolResponse, ClientRequest, MetaObject,
    ProgressNotificationParam, ProgressToken, RequestMetaObject, ServerResult,
};
use rmcp::service::{PeerRequestOptions, RequestHandle};
use rmcp::{Peer, RoleClient, ServiceError};
use serde_json::Value;

use crate::agents::Progress;

/// Where a call carries the key that makes it happen once.
const KEY: &str = "orchestrator/idempotency-key";

/// Where the progress of each running call is told.
#[derive(Debug, Default)]
pub(in crate::mcp) struct ProgressListeners(Mutex<HashMap<ProgressToken, Progress>>);

/// A call that waits for its answer; dropping it tells the server to stop.
struct PendingCall {
    handle: Option<RequestHandle<RoleClient>>,
    progress_listeners: Arc<ProgressListeners>,
}

impl ProgressListeners {
    /// Hands on what a server says of a call's progress.
    pub(in crate::mcp) fn report(&self, news: ProgressNotificationParam) {
        let Some(progress) = self.lock().get(&news.progress_token).cloned() else { return };
        let share = match news.total {
            Some(total) if total > 0.0 => format!("{:.0} %", (news.progress / total) * 100.0),
            Some(_) | None => String::new(),
        };
        let words = [news.message.unwrap_or_default(), share];
        let words: Vec<_> = words.into_iter().filter(|words| !words.is_empty()).collect();
        if !words.is_empty() {
            progress.say(words.join(" · "));
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<ProgressToken, Progress>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Makes a call and waits for its answer.
///
/// # Cancel safety
///
/// Dropping the future tells the server to stop.
pub(in crate::mcp) async fn call(
    peer: &Peer<RoleClient>,
    mut params: CallToolRequestParams,
    key: Option<&str>,
    progress_listeners: &Arc<ProgressListeners>,
    progress: &Progress,
) -> Result<CallToolResponse, ServiceError> {
    if let Some(key) = key {
        let mut meta = MetaObject::new();
        meta.insert(KEY.to_owned(), Value::String(key.to_owned()));
        params.meta = Some(RequestMetaObject(meta));
    }
    let request = ClientRequest::CallToolRequest(CallToolRequest::new(params));
    let options = PeerRequestOptions::no_options();
    let handle = peer.send_cancellable_request(request, options).await?;
    progress_listeners.lock().insert(handle.progress_token.clone(), progress.clone());
    let mut pending =
        PendingCall { handle: Some(handle), progress_listeners: Arc::clone(progress_listeners) };
    let answer = pending.answer().await?;
    if let ServerResult::CallToolResult(result) = answer {
        return Ok(CallToolResponse::Complete(result));
    }
    if let ServerResult::InputRequiredResult(result) = answer {
        return Ok(CallToolResponse::InputRequired(result));
    }
    Err(ServiceError::UnexpectedResponse)
}

impl PendingCall {
    async fn answer(&mut self) -> Result<ServerResult, ServiceError> {
        let Some(handle) = &mut self.handle else { return Err(ServiceError::TransportClosed) };
        let answer = (&mut handle.rx).await.map_err(|_| ServiceError::TransportClosed);
        self.progress_listeners.lock().remove(&handle.progress_token);
        self.handle = None;
        answer?
    }
}

impl Drop for PendingCall {
    fn drop(&mut self) {
        let Some(handle) = self.handle.take() else { return };
        self.progress_listeners.lock().remove(&handle.progress_token);
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            drop(runtime.spawn(handle.cancel(Some("nobody waits any more".to_owned()))));
        }
    }
}
