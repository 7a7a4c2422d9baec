//! Calls that wait in this process until the person has answered what their server asked in the
//! middle of them (2025-11-25, ADR 44). Their turns are over meanwhile.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};

use super::caller_sessions::CallerSession;
use super::calling::{PendingCall, ServerQuestion};
use super::fault::CallFault;
use super::result::read_result;
use super::server::MOST_LIMITS;
use base::domain::{FormReply, ItemId, Owner, ToolId, ToolOrigin, ToolOutput};
use base::resilience::Patience;

/// So many calls of one server wait, and so many of one owner among them.
const MOST: usize = 64;
const MOST_OF_OWNER: usize = 8;
/// So many ends of calls that waited for too long are kept.
const MOST_ENDS: usize = 64;

/// The calls of one server that wait.
#[derive(Debug)]
pub(crate) struct ParkedCalls {
    parking: Mutex<Parking>,
    /// How long a call waits for a person. Then its server is told that they declined.
    longest: Duration,
}

#[derive(Debug, Default)]
struct Parking {
    waiting: Vec<(String, ParkedCall)>,
    /// Of calls whose person did not answer in time, the newest last.
    ended: VecDeque<(String, CallEnd)>,
}

type CallEnd = Result<ToolOutput, CallFault>;

/// A call that waits, with all that it needs to go on.
pub(crate) struct ParkedCall {
    pub(crate) tool: ToolId,
    pub(crate) owner: Owner,
    pub(crate) pending: PendingCall,
    pub(crate) question: ServerQuestion,
    /// Of a caller, which closes when nobody holds it.
    pub(crate) session: Option<Arc<CallerSession>>,
    /// The longest silence once it goes on.
    pub(crate) call_timeout: Duration,
}

/// What is there for a ticket.
pub(crate) enum Found {
    Waiting(Box<ParkedCall>),
    /// The person did not answer in time; this is what the server made of that.
    Ended(CallEnd),
}

impl ParkedCalls {
    pub(crate) fn new(longest: Duration) -> Self {
        Self { parking: Mutex::default(), longest }
    }

    /// Lets a call wait; its ticket. Gives the call back if there is no place for it.
    pub(crate) fn park(self: &Arc<Self>, call: ParkedCall) -> Result<String, Box<ParkedCall>> {
        // Nobody reports its progress now, and the turn is not kept in memory for that.
        call.pending.report_to(None);
        let ticket = ItemId::new_inquiry().to_string();
        {
            let mut parking = self.lock();
            let of_owner = parking.waiting.iter().filter(|(_, it)| it.owner == call.owner).count();
            if parking.waiting.len() >= MOST || of_owner >= MOST_OF_OWNER {
                return Err(Box::new(call));
            }
            parking.waiting.push((ticket.clone(), call));
        }
        let (parked, of, longest) = (Arc::downgrade(self), ticket.clone(), self.longest);
        // Ends by itself, also if the server is gone.
        tokio::spawn(async move {
            sleep(longest).await;
            if let Some(parked) = parked.upgrade() {
                parked.end(&of).await;
            }
        });
        Ok(ticket)
    }

    /// Takes a call that waits. Nobody else finds it then.
    pub(crate) fn take(&self, ticket: &str) -> Option<Found> {
        let mut parking = self.lock();
        if let Some(call) = take_waiting(&mut parking, ticket) {
            return Some(Found::Waiting(Box::new(call)));
        }
        let place = parking.ended.iter().position(|(of, _)| of == ticket)?;
        parking.ended.remove(place).map(|(_, end)| Found::Ended(end))
    }

    /// Gives a call up, if it waits here: its question is cancelled. The call is heard to its end, or
    /// nobody could know any more whose questions come next.
    pub(crate) fn give_up(&self, ticket: &str) {
        let Some(mut call) = take_waiting(&mut self.lock(), ticket) else { return };
        tokio::spawn(async move {
            drop(call.question);
            let patience = Patience::new(Instant::now() + call.call_timeout, call.call_timeout);
            let ended = call.pending.end(patience);
            if timeout(call.call_timeout * MOST_LIMITS, ended).await.is_err() {
                tracing::debug!("A call that was given up did not end");
            }
        });
    }

    /// Nobody answered in time. The call goes on without an answer, and its end is kept.
    async fn end(&self, ticket: &str) {
        let call = take_waiting(&mut self.lock(), ticket);
        let Some(ParkedCall { tool, mut pending, question, session, call_timeout, .. }) = call
        else {
            return;
        };
        question.answer(&FormReply::Declined);
        let patience = Patience::new(Instant::now() + call_timeout, call_timeout);
        let ended = timeout(call_timeout * MOST_LIMITS, pending.end(patience)).await;
        let ended = ended.unwrap_or(Err(CallFault::Lost));
        let ended = ended.and_then(|result| read_result(result, ToolOrigin::Server(tool)));
        drop(session);
        let mut parking = self.lock();
        if parking.ended.len() >= MOST_ENDS {
            parking.ended.pop_front();
        }
        parking.ended.push_back((ticket.to_owned(), ended));
    }

    fn lock(&self) -> MutexGuard<'_, Parking> {
        self.parking.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn take_waiting(parking: &mut Parking, ticket: &str) -> Option<ParkedCall> {
    let place = parking.waiting.iter().position(|(of, _)| of == ticket)?;
    Some(parking.waiting.swap_remove(place).1)
}

impl fmt::Debug for ParkedCall {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "ParkedCall({})", self.tool)
    }
}
