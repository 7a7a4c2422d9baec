//! Calls that wait in this process until the person has answered what their server asked in the
//! middle of them (2025-11-25, ADR 44). Their turns are over meanwhile.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::caller_sessions::CallerSession;
use super::calling::{PendingCall, ServerQuestion};
use super::fault::CallFault;
use super::in_flight::UnderWay;
use super::result::read_result;
use super::server::MOST_LIMITS;
use base::domain::{FormReply, ItemId, Owner, ToolId, ToolOrigin, ToolOutput, shorten};
use base::resilience::Patience;

/// So many calls of one server wait, and so many of one owner among them.
const MOST: usize = 64;
const MOST_OF_OWNER: usize = 8;
/// So many ends of calls that waited for too long are kept, for so long after their servers were told.
const MOST_ENDS: usize = 64;
const KEPT_FOR: Duration = Duration::from_mins(10);
/// In characters: so much of the text of each.
const MOST_OF_END: usize = 32 * 1024;

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
    /// Of calls whose person did not answer in time, the newest last. Each gets its end once it is
    /// there.
    late: VecDeque<LateEnd>,
}

pub(crate) type CallEnd = Result<ToolOutput, CallFault>;

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
    /// Its server works on it, and may do nothing else until the person has answered.
    pub(crate) under_way: UnderWay,
}

/// What is left here of a call whose person did not answer in time.
#[derive(Debug)]
struct LateEnd {
    ticket: String,
    ending: oneshot::Receiver<CallEnd>,
    /// When it is forgotten.
    until: Instant,
}

/// The call itself meanwhile.
struct LateCall {
    call: ParkedCall,
    /// Whoever answers too late.
    listener: oneshot::Sender<CallEnd>,
    until: Instant,
}

/// What is there for a ticket.
pub(crate) enum Found {
    Waiting(Box<ParkedCall>),
    /// The person did not answer in time; this is what the server made of that.
    Late(oneshot::Receiver<CallEnd>),
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
            let Some(call) = parked.upgrade().and_then(|parked| parked.decline(&of)) else {
                return;
            };
            let until = call.until;
            call.end().await;
            sleep_until(until).await;
            if let Some(parked) = parked.upgrade() {
                forget_old(&mut parked.lock());
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
        take_late(&mut parking, ticket).map(Found::Late)
    }

    /// Gives a call up, if it waits here: its question is cancelled, and nobody gets its end. The call is heard to its end, or
    /// nobody could know any more whose questions come next.
    pub(crate) fn give_up(&self, ticket: &str) {
        let found = self.take(ticket);
        let Some(Found::Waiting(mut call)) = found else { return };
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
    fn decline(&self, ticket: &str) -> Option<LateCall> {
        let (listener, ending) = oneshot::channel();
        let mut parking = self.lock();
        let call = take_waiting(&mut parking, ticket)?;
        if parking.late.len() >= MOST_ENDS {
            parking.late.pop_front();
        }
        let until = Instant::now() + KEPT_FOR;
        parking.late.push_back(LateEnd { ticket: ticket.to_owned(), ending, until });
        Some(LateCall { call, listener, until })
    }

    fn lock(&self) -> MutexGuard<'_, Parking> {
        self.parking.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl LateCall {
    /// Hears the call to its end.
    async fn end(self) {
        let Self { call, listener, .. } = self;
        let ParkedCall {
            tool,
            mut pending,
            question,
            call_timeout,
            session: _session,
            under_way: _under_way,
            ..
        } = call;
        question.answer(&FormReply::Declined);
        let patience = Patience::new(Instant::now() + call_timeout, call_timeout);
        let ended = timeout(call_timeout * MOST_LIMITS, pending.end(patience)).await;
        let ended = ended.unwrap_or(Err(CallFault::Lost));
        let ended = ended.and_then(|result| read_result(result, ToolOrigin::Server(tool)));
        // Fails if it is forgotten already.
        drop(listener.send(ended.map(worth_keeping)));
    }
}

/// Few ever answer so late: for them the text is enough, and for most of it.
fn worth_keeping(output: ToolOutput) -> ToolOutput {
    ToolOutput::plain(shorten(&output.text, MOST_OF_END), output.origin)
}

fn take_late(parking: &mut Parking, ticket: &str) -> Option<oneshot::Receiver<CallEnd>> {
    forget_old(parking);
    let place = parking.late.iter().position(|it| it.ticket == ticket)?;
    parking.late.remove(place).map(|it| it.ending)
}

fn forget_old(parking: &mut Parking) {
    let now = Instant::now();
    parking.late.retain(|it| it.until > now);
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
