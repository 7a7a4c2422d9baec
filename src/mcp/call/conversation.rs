//! A call and what its server asks before it answers: in rounds (2026-07-28), or in the middle of it
//! (2025-11-25, ADR 44).

use std::sync::Arc;
use std::time::Duration;

use rmcp::model::{InputRequiredResult, RequestMetaObject, ServerResult};
use rmcp::{Peer, RoleClient};
use tokio::time::Instant;

use super::super::error::UNREADABLE;
use super::caller_sessions::CallerSession;
use super::calling::{self, Heard, PendingCall, ProgressListeners, ServerQuestion};
use super::fault::CallFault;
use super::in_flight::CallsInFlight;
use super::inquiry::form;
use super::parked_calls::{ParkedCall, ParkedCalls};
use super::rounds::{AfterRound, Round};
use super::server::PreparedCall;
use super::target::CallTarget;
use base::domain::{Continuation, FormReply, Inquiry, ToolOutput};
use base::resilience::Patience;

/// The one request that a server makes in the middle of a call.
pub(crate) const QUESTION: &str = "question";

/// One call in one session.
pub(crate) struct Conversation<'a> {
    pub(crate) server: &'a Arc<str>,
    pub(crate) call: &'a PreparedCall<'a>,
    /// What is said beside the arguments.
    pub(crate) meta: Option<RequestMetaObject>,
    pub(crate) parked: &'a Arc<ParkedCalls>,
    pub(crate) in_flight: &'a CallsInFlight,
    /// Of a caller, in whose session the call is made.
    pub(crate) session: Option<Arc<CallerSession>>,
    /// The longest silence.
    pub(crate) call_timeout: Duration,
}

impl Conversation<'_> {
    /// Sends the call, as often as its server wants.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future tells the server to stop.
    pub(crate) async fn begin(
        &self,
        (peer, listeners): (&Peer<RoleClient>, &Arc<ProgressListeners>),
        until: Instant,
    ) -> Result<ToolOutput, CallFault> {
        let (mut round, mut until) = (Round::of(self.call), until);
        loop {
            let request = round.fill(self.call.target.request(self.meta.clone()));
            let progress = self.call.request.progress;
            let pending = calling::start(peer, request, listeners, progress).await?;
            let answer = self.hear(pending, until).await?;
            let Some(wanted) = self.wanted(&answer) else {
                return self.call.target.answer(self.server, *answer);
            };
            match round.after(wanted.clone()) {
                AfterRound::SendAgain(next) => round = next,
                AfterRound::Fault(fault) => return Err(fault),
            }
            until = Instant::now() + self.call_timeout;
        }
    }

    /// Goes on with a call that waited for a person.
    ///
    /// # Cancel safety
    ///
    /// As [`Self::begin`].
    pub(crate) async fn go_on(
        &self,
        parked: ParkedCall,
        reply: &FormReply,
    ) -> Result<ToolOutput, CallFault> {
        let ParkedCall { pending, question, session: _session, under_way: _under_way, .. } = parked;
        pending.report_to(Some(self.call.request.progress));
        question.answer(reply);
        let answer = self.hear(pending, Instant::now() + self.call_timeout).await?;
        if self.wanted(&answer).is_some() {
            return Err(CallFault::Broken(UNREADABLE.into()));
        }
        self.call.target.answer(self.server, *answer)
    }

    /// What the server wants first. Only calls of tools go on after that.
    fn wanted<'r>(&self, answer: &'r ServerResult) -> Option<&'r InputRequiredResult> {
        match (&self.call.target, answer) {
            (CallTarget::Tool { .. }, ServerResult::InputRequiredResult(wanted)) => Some(wanted),
            _ => None,
        }
    }

    /// Hears the server to its answer, or to a question that a person can answer.
    async fn hear(
        &self,
        mut pending: PendingCall,
        mut until: Instant,
    ) -> Result<Box<ServerResult>, CallFault> {
        loop {
            match pending.next(Patience::new(until, self.call_timeout)).await? {
                Heard::Answered(answer) => return Ok(answer),
                Heard::Asked(question) => pending = self.park(pending, *question)?,
            }
            until = Instant::now() + self.call_timeout;
        }
    }

    /// Lets the call wait for the person: then this is its fault. Otherwise the question is declined.
    fn park(
        &self,
        pending: PendingCall,
        question: ServerQuestion,
    ) -> Result<PendingCall, CallFault> {
        let form = form(QUESTION, question.params.clone());
        // Only calls of tools wait: what is merely read can be read again.
        let (Some(form), CallTarget::Tool { tool, .. }) = (form, &self.call.target) else {
            question.answer(&FormReply::Declined);
            return Ok(pending);
        };
        let parked = self.parked.park(ParkedCall {
            tool: (*tool).clone(),
            owner: self.call.request.caller.owner.clone(),
            pending,
            question,
            session: self.session.clone(),
            call_timeout: self.call_timeout,
            under_way: self.in_flight.begin(),
        });
        match parked {
            Ok(ticket) => {
                let (forms, continuation) = (vec![form], Continuation::Parked { ticket });
                Err(CallFault::Asks(Box::new(Inquiry { forms, continuation })))
            }
            Err(call) => {
                let ParkedCall { pending, question, .. } = *call;
                pending.report_to(Some(self.call.request.progress));
                question.answer(&FormReply::Declined);
                Ok(pending)
            }
        }
    }
}
