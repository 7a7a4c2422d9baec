//! One request to a server: reports progress, hears questions (ADR 44), and tells the server when the
//! caller gave up.

use std::collections::HashMap;
use std::convert::identity;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rmcp::model::{
    CallToolResult, ClientRequest, ElicitRequestParams, ElicitResult, ElicitationAction,
    MetaObject, ProgressNotificationParam, ProgressToken, RequestId, RequestMetaObject,
    ServerResult,
};
use rmcp::service::{InboundStreamOrigin, PeerRequestOptions, RequestHandle};
use rmcp::{Peer, RoleClient, ServiceError};
use serde_json::Value;
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::task::yield_now;
use tokio::time::sleep;

use super::fault::CallFault;
use base::agents::Progress;
use base::domain::{FormReply, Owner};
use base::resilience::{GuardRefusal, Patience};

/// The member of `_meta` with the key of a call (ADR 12).
const KEY: &str = "orchestrator/idempotency-key";
/// The member of `_meta` that says for whom a call is made (ADR 29).
const OWNER: &str = "orchestrator/owner";

/// How often everything that is ready runs before a silence counts: our own delay is not the
/// server's (ADR 35).
const LAST_LOOKS: usize = 8;

/// So many questions of one call reach the person.
const MAX_QUESTIONS: u32 = 5;

/// How often, and how long apart, the call of a question is looked for.
const LOOKS_FOR_CALL: u32 = 5;
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// Receivers of progress and of questions, by running call of one session.
#[derive(Debug, Default)]
pub(crate) struct ProgressListeners(Mutex<Listening>);

#[derive(Debug, Default)]
struct Listening {
    calls: HashMap<ProgressToken, CallListener>,
    /// Calls that may have been sent and are not heard yet.
    being_sent: usize,
    /// Whether a call was left without its end: its server may still work on it, and ask.
    has_abandoned: bool,
}

/// A call that is being sent.
struct Sending<'a> {
    listeners: &'a ProgressListeners,
    is_heard: bool,
}

#[derive(Clone, Debug)]
struct CallListener {
    id: RequestId,
    /// Nobody's while the call waits for a person.
    progress: Option<Progress>,
    /// Extends the call's limit (ADR 39).
    signs: Arc<Notify>,
    questions: mpsc::Sender<ServerQuestion>,
}

/// What a server asks the person in the middle of a call. Dropped, it is cancelled.
#[derive(Debug)]
pub(crate) struct ServerQuestion {
    pub(crate) params: ElicitRequestParams,
    reply: oneshot::Sender<ElicitResult>,
}

/// A call that waits for its answer. Dropping it sends `notifications/cancelled`.
pub(crate) struct PendingCall {
    handle: Option<RequestHandle<RoleClient>>,
    signs: Arc<Notify>,
    questions: mpsc::Receiver<ServerQuestion>,
    /// How many there were.
    asked: u32,
    progress_listeners: Arc<ProgressListeners>,
}

enum ServerWord {
    Result(Box<ServerResult>),
    Question(Box<ServerQuestion>),
}

/// What the server of a call said next.
pub(crate) enum Heard {
    Answered(Box<ServerResult>),
    Asked(Box<ServerQuestion>),
}

impl ServerQuestion {
    pub(crate) fn answer(self, reply: &FormReply) {
        let result = match reply {
            FormReply::Accepted(content) => ElicitResult::new(ElicitationAction::Accept)
                .with_content(Value::Object(content.clone())),
            FormReply::Declined => ElicitResult::new(ElicitationAction::Decline),
        };
        // A server that no longer waits for it has been told so.
        drop(self.reply.send(result));
    }
}

impl ProgressListeners {
    pub(crate) fn report(&self, news: ProgressNotificationParam) {
        let listener = self.lock().calls.get(&news.progress_token).cloned();
        let Some(CallListener { progress, signs, .. }) = listener else { return };
        signs.notify_one();
        let share = match news.total {
            Some(total) if total > 0.0 => format!("{:.0} %", (news.progress / total) * 100.0),
            Some(_) | None => String::new(),
        };
        let words = [news.message.unwrap_or_default(), share];
        let words: Vec<_> = words.into_iter().filter(|words| !words.is_empty()).collect();
        if let Some(progress) = progress.filter(|_| !words.is_empty()) {
            progress.say(words.join(" · "));
        }
    }

    /// Passes a question to the call that it certainly belongs to, and waits for the answer. `None` if
    /// there is no such call, or if it has a question already.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future cancels the question.
    pub(crate) async fn ask(
        &self,
        origin: Option<&InboundStreamOrigin>,
        params: ElicitRequestParams,
    ) -> Option<ElicitResult> {
        let mut looks = 0;
        let call = loop {
            match self.asking_call(origin) {
                Some(call) => break call,
                // A question may overtake the note that its call was sent.
                None if looks < LOOKS_FOR_CALL => looks += 1,
                None => return None,
            }
            sleep(LOOK_AGAIN).await;
        };
        let (reply, answer) = oneshot::channel();
        call.try_send(ServerQuestion { params, reply }).ok()?;
        Some(answer.await.unwrap_or_else(|_| ElicitResult::new(ElicitationAction::Cancel)))
    }

    /// Over HTTP a question may come on the stream of its call. Otherwise it is certain only if there
    /// is one call that it can belong to.
    fn asking_call(
        &self,
        origin: Option<&InboundStreamOrigin>,
    ) -> Option<mpsc::Sender<ServerQuestion>> {
        let listening = self.lock();
        let mut calls = listening.calls.values();
        let open = calls.len() + listening.being_sent;
        let call = match origin {
            Some(InboundStreamOrigin::OutboundRequest(id)) => calls.find(|call| call.id == *id)?,
            _ if listening.has_abandoned || open != 1 => return None,
            Some(InboundStreamOrigin::Unassociated) | None => calls.next()?,
        };
        Some(call.questions.clone())
    }

    fn begin(&self) -> Sending<'_> {
        self.lock().being_sent += 1;
        Sending { listeners: self, is_heard: false }
    }

    fn lock(&self) -> MutexGuard<'_, Listening> {
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

/// Sends a call.
///
/// # Cancel safety
///
/// Dropping the future may leave the call sent and unheard: then it counts as abandoned.
pub(crate) async fn start(
    peer: &Peer<RoleClient>,
    request: ClientRequest,
    progress_listeners: &Arc<ProgressListeners>,
    progress: &Progress,
) -> Result<PendingCall, CallFault> {
    // Without rmcp's own timeout: the guard counts ours for the breaker.
    let options = PeerRequestOptions::no_options();
    let sending = progress_listeners.begin();
    let handle = peer.send_cancellable_request(request, options).await?;
    // One at a time: who asks more is declined.
    let (sender, questions) = mpsc::channel(1);
    let (progress, signs) = (Some(progress.clone()), Arc::new(Notify::new()));
    let id = handle.id.clone();
    let listener = CallListener { id, progress, signs: Arc::clone(&signs), questions: sender };
    sending.sent(handle.progress_token.clone(), listener);
    let progress_listeners = Arc::clone(progress_listeners);
    Ok(PendingCall { handle: Some(handle), signs, questions, asked: 0, progress_listeners })
}

impl Sending<'_> {
    fn sent(mut self, token: ProgressToken, listener: CallListener) {
        self.listeners.lock().calls.insert(token, listener);
        self.is_heard = true;
    }
}

impl Drop for Sending<'_> {
    fn drop(&mut self) {
        let mut listening = self.listeners.lock();
        listening.being_sent = listening.being_sent.saturating_sub(1);
        listening.has_abandoned |= !self.is_heard;
    }
}

impl PendingCall {
    /// What its server says next. Ends when it is silent for longer than `patience` allows.
    ///
    /// # Cancel safety
    ///
    /// Can be dropped and called again.
    pub(crate) async fn next(&mut self, mut patience: Patience) -> Result<Heard, CallFault> {
        loop {
            match self.heard(&mut patience).await? {
                ServerWord::Result(result) => return Ok(Heard::Answered(result)),
                ServerWord::Question(question) if self.asked < MAX_QUESTIONS => {
                    self.asked += 1;
                    return Ok(Heard::Asked(question));
                }
                ServerWord::Question(question) => question.answer(&FormReply::Declined),
            }
        }
    }

    /// The same for a call whose person is gone: whatever it asks is declined.
    pub(crate) async fn end(&mut self, patience: Patience) -> Result<CallToolResult, CallFault> {
        self.asked = MAX_QUESTIONS;
        if let Heard::Answered(result) = self.next(patience).await?
            && let ServerResult::CallToolResult(result) = *result
        {
            return Ok(result);
        }
        Err(ServiceError::UnexpectedResponse.into())
    }

    /// Reports its progress there from now on, or to nobody.
    pub(crate) fn report_to(&self, progress: Option<&Progress>) {
        let Some(handle) = &self.handle else { return };
        if let Some(call) = self.progress_listeners.lock().calls.get_mut(&handle.progress_token) {
            call.progress = progress.cloned();
        }
    }

    async fn heard(&mut self, patience: &mut Patience) -> Result<ServerWord, CallFault> {
        let Some(handle) = &mut self.handle else { return Err(CallFault::Lost) };
        let mut looks = 0;
        let answer = loop {
            tokio::select! {
                biased;
                // Not `await_response`, which takes the handle: its future, dropped, cancels
                // nothing.
                answer = &mut handle.rx => break answer.map_err(|_| ServiceError::TransportClosed),
                Some(question) = self.questions.recv() => return Ok(ServerWord::Question(Box::new(question))),
                () = self.signs.notified() => {
                    looks = 0;
                    patience.renew();
                }
                () = &mut *patience => {
                    looks += 1;
                    if looks > LAST_LOOKS {
                        // Dropped with its handle, which tells the server to stop.
                        return Err(CallFault::Guard(GuardRefusal::TimedOut));
                    }
                    yield_now().await;
                }
            }
        };
        let answer = answer.and_then(identity).map_err(CallFault::from);
        {
            let mut listening = self.progress_listeners.lock();
            listening.calls.remove(&handle.progress_token);
            // Nobody says that it ended.
            listening.has_abandoned |= matches!(answer, Err(CallFault::Lost));
        }
        self.handle = None;
        Ok(ServerWord::Result(Box::new(answer?)))
    }
}

impl Drop for PendingCall {
    fn drop(&mut self) {
        let Some(handle) = self.handle.take() else { return };
        {
            let mut listening = self.progress_listeners.lock();
            listening.calls.remove(&handle.progress_token);
            listening.has_abandoned = true;
        }
        // Sending is async and `drop` is not. Without a runtime the process ends anyway.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            drop(runtime.spawn(handle.cancel(Some("nobody waits any more".to_owned()))));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use rmcp::model::{NumberOrString, ProgressToken};
    use tokio::sync::{Notify, mpsc};

    use super::{CallListener, InboundStreamOrigin, ProgressListeners};

    fn sent(listeners: &ProgressListeners, number: u32) {
        let (id, (questions, _)) = (NumberOrString::Number(number.into()), mpsc::channel(1));
        let token = ProgressToken(id.clone());
        let listener =
            CallListener { id, progress: None, signs: Arc::new(Notify::new()), questions };
        listeners.begin().sent(token, listener);
    }

    #[test]
    fn a_question_is_nobodys_while_another_call_is_being_sent() {
        let listeners = ProgressListeners::default();
        sent(&listeners, 1);
        let sending = listeners.begin();
        let its_own = InboundStreamOrigin::OutboundRequest(NumberOrString::Number(1));

        assert!(listeners.asking_call(None).is_none());
        assert!(listeners.asking_call(Some(&InboundStreamOrigin::Unassociated)).is_none());
        assert!(listeners.asking_call(Some(&its_own)).is_some());

        // It may have been sent, and is not heard.
        drop(sending);
        assert!(listeners.asking_call(None).is_none());
    }

    #[test]
    fn a_question_is_of_the_only_call_once_it_is_sent() {
        let listeners = ProgressListeners::default();
        sent(&listeners, 1);
        assert!(listeners.asking_call(None).is_some());
        sent(&listeners, 2);
        assert!(listeners.asking_call(None).is_none());
    }
}
