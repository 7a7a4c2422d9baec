//! Calls in a session of their caller's, at servers that are to know who calls (ADR 32, ADR 46).

use std::sync::Arc;

use rmcp::{Peer, RoleClient};
use tokio::time::{Instant, timeout_at};

use super::super::link::connect::Handshake;
use super::caller_sessions::CallerSession;
use super::fault::CallFault;
use super::server::{PreparedCall, Server};
use base::agents::ToolRequest;
use base::domain::{Caller, ToolOutput};
use base::resilience::{Fault, GuardRefusal, Verdict};

impl Server {
    /// One attempt at a call, in the caller's own session. `shared` is the one that lists the tools.
    pub(super) async fn attempt_as_caller(
        &self,
        shared: &Peer<RoleClient>,
        call: &PreparedCall<'_>,
        until: Instant,
    ) -> Result<ToolOutput, CallFault> {
        let ToolRequest { caller, interrupt, .. } = call.request;
        let session = timeout_at(until, self.session_of(caller, shared));
        let session = interrupt.unless_raised(session).await.ok_or(CallFault::Stopped)?;
        let session = session.unwrap_or(Err(CallFault::Guard(GuardRefusal::TimedOut)));
        let session = session.inspect_err(|fault| self.consider(fault))?;
        let answer = self.send_in(&session, call, until).await;
        let answer =
            answer.map_err(|fault| self.of_caller(fault, &caller.owner, session.credential()));
        answer.inspect_err(|fault| {
            self.consider(fault);
            if !matches!(fault.verdict(), Verdict::Answered | Verdict::Busy(_)) {
                self.caller_sessions.forget(&session);
            }
        })
    }

    async fn session_of(
        &self,
        caller: &Caller,
        shared: &Peer<RoleClient>,
    ) -> Result<Arc<CallerSession>, CallFault> {
        let handshake = Handshake::of(shared, self.settings.revision);
        let (owner, credential) = (&caller.owner, self.credential_of(caller).await?);
        let session = self.caller_sessions.of(owner, &credential, self, handshake).await;
        session.map_err(|fault| self.of_caller(fault, owner, &credential))
    }

    async fn send_in(
        &self,
        session: &Arc<CallerSession>,
        call: &PreparedCall<'_>,
        until: Instant,
    ) -> Result<ToolOutput, CallFault> {
        let peer = session.peer().ok_or(CallFault::Unreachable)?;
        let here = (&peer, &session.progress_listeners);
        let talk = self.conversation(call, Some(Arc::clone(session)));
        Box::pin(talk.begin(here, until)).await
    }
}
