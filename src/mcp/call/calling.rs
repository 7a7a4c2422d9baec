//! One request to a server: reports progress, and tells the server when the caller gave up.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rmcp::model::{
    ClientRequest, MetaObject, ProgressNotificationParam, ProgressToken, RequestMetaObject,
    ServerResult,
};
use rmcp::service::{PeerRequestOptions, RequestHandle};
use rmcp::{Peer, RoleClient, ServiceError};
use tokio::sync::Notify;
use tokio::task::yield_now;

use super::fault::CallFault;
use base::agents::Progress;
use base::domain::Owner;
use base::resilience::{GuardRefusal, Patience};

/// The member of `_meta` with the key of a call (ADR 12).
const KEY: &str = "orchestrator/idempotency-key";
/// The member of `_meta` that says for whom a call is made (ADR 29).
const OWNER: &str = "orchestrator/owner";

/// How often everything that is ready runs before a silence counts: our own delay is not the
/// server's (ADR 35).
const LAST_LOOKS: usize = 8;

/// Receivers of progress, by running call.
#[derive(Debug, Default)]
pub(crate) struct ProgressListeners(Mutex<HashMap<ProgressToken, ProgressListener>>);

#[derive(Clone, Debug)]
struct ProgressListener {
    progress: Progress,
    /// Extends the call's limit (ADR 39).
    signs: Arc<Notify>,
}

/// A call that waits for its answer. Dropping it sends `notifications/cancelled`.
struct PendingCall {
    handle: Option<RequestHandle<RoleClient>>,
    signs: Arc<Notify>,
    progress_listeners: Arc<ProgressListeners>,
}

impl ProgressListeners {
    pub(crate) fn report(&self, news: ProgressNotificationParam) {
        let listener = self.lock().get(&news.progress_token).cloned();
        let Some(ProgressListener { progress, signs }) = listener else { return };
        signs.notify_one();
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

    fn lock(&self) -> MutexGuard<'_, HashMap<ProgressToken, ProgressListener>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is said beside the arguments, where a model cannot write.
pub(crate) fn meta(key: Option<&str>, owner: Option<&Owner>) -> Option<RequestMetaObject> {
    let said = [(KEY, key), (OWNER, owner.map(Owner::as_str))];
    let said = said.into_iter().filter_map(|(name, text)| Some((name.to_owned(), text?.into())));
    let meta = MetaObject(said.collect());
    (!meta.is_empty()).then_some(RequestMetaObject(meta))
}

/// Ends when the server is silent for longer than `patience` allows.
///
/// # Cancel safety
///
/// Dropping the future tells the server to stop.
pub(crate) async fn call(
    peer: &Peer<RoleClient>,
    request: ClientRequest,
    progress_listeners: &Arc<ProgressListeners>,
    progress: &Progress,
    patience: Patience,
) -> Result<ServerResult, CallFault> {
    // Without rmcp's own timeout: the guard counts ours for the breaker.
    let options = PeerRequestOptions::no_options();
    let handle = peer.send_cancellable_request(request, options).await?;
    let (progress, signs) = (progress.clone(), Arc::new(Notify::new()));
    let listener = ProgressListener { progress, signs: Arc::clone(&signs) };
    progress_listeners.lock().insert(handle.progress_token.clone(), listener);
    let progress_listeners = Arc::clone(progress_listeners);
    let mut pending = PendingCall { handle: Some(handle), signs, progress_listeners };
    pending.answer(patience).await
}

impl PendingCall {
    async fn answer(&mut self, mut patience: Patience) -> Result<ServerResult, CallFault> {
        let Some(handle) = &mut self.handle else { return Err(CallFault::Lost) };
        let mut looks = 0;
        let answer = loop {
            tokio::select! {
                biased;
                // Not `await_response`, which takes the handle: its future, dropped, cancels
                // nothing.
                answer = &mut handle.rx => break answer.map_err(|_| ServiceError::TransportClosed),
                () = self.signs.notified() => {
                    looks = 0;
                    patience.renew();
                }
                () = &mut patience => {
                    looks += 1;
                    if looks > LAST_LOOKS {
                        // Dropped with its handle, which tells the server to stop.
                        return Err(CallFault::Guard(GuardRefusal::TimedOut));
                    }
                    yield_now().await;
                }
            }
        };
        self.progress_listeners.lock().remove(&handle.progress_token);
        self.handle = None;
        Ok(answer??)
    }
}

impl Drop for PendingCall {
    fn drop(&mut self) {
        let Some(handle) = self.handle.take() else { return };
        self.progress_listeners.lock().remove(&handle.progress_token);
        // Sending is async and `drop` is not. Without a runtime the process ends anyway.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            drop(runtime.spawn(handle.cancel(Some("nobody waits any more".to_owned()))));
        }
    }
}
