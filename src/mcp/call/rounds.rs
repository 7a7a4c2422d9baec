//! A call in rounds: its server may ask for something before it answers, and gets it with the call,
//! sent again (ADR 44).

use rmcp::model::{ClientRequest, InputRequiredResult, InputResponses};
use serde_json::{Map, Value};

use super::fault::CallFault;
use super::inquiry::{SortedRequests, answer, sort};
use super::server::PreparedCall;
use base::domain::{Continuation, Inquiry, Resumption};

/// So often one call is sent, the person's answers between.
const MAX_ROUNDS: u32 = 5;
/// In bytes: of what a server has us keep for it.
const MAX_STATE: usize = 64 * 1024;

const TOO_OFTEN: &str = "it asks again and again instead of answering";
const TOO_MUCH: &str = "it asks for more to be kept for it than is allowed";
const NO_MODEL: &str =
    "it asks for the help of a model, which its operator does not allow here; tell the user";

/// What is sent with a call beside its arguments.
#[derive(Debug)]
pub(crate) struct Round {
    number: u32,
    state: Option<String>,
    responses: InputResponses,
}

/// What follows from a server's answer to a round.
pub(crate) enum AfterRound {
    SendAgain(Round),
    Fault(CallFault),
}

impl Round {
    /// The first of a turn, with what the person answered if there was one before.
    pub(crate) fn of(call: &PreparedCall<'_>) -> Self {
        call.request.resumed.and_then(resumed).unwrap_or(Self {
            number: 1,
            state: None,
            responses: InputResponses::new(),
        })
    }

    pub(crate) fn fill(&self, mut request: ClientRequest) -> ClientRequest {
        if let ClientRequest::CallToolRequest(call) = &mut request {
            // Absent if the server gave none: some take an empty one for theirs.
            call.params.request_state.clone_from(&self.state);
            let responses = (!self.responses.is_empty()).then(|| self.responses.clone());
            call.params.input_responses = responses;
        }
        request
    }

    /// The server wants something first.
    pub(crate) fn after(self, wanted: InputRequiredResult) -> AfterRound {
        let state = wanted.request_state;
        if state.as_ref().is_some_and(|state| state.len() > MAX_STATE) {
            return AfterRound::Fault(self.given_up(TOO_MUCH));
        }
        if self.number >= MAX_ROUNDS {
            return AfterRound::Fault(CallFault::Broken(TOO_OFTEN.to_owned()));
        }
        let sorted = sort(wanted.input_requests.unwrap_or_default());
        let SortedRequests { forms, answered, for_model } = sorted;
        if for_model > 0 {
            return AfterRound::Fault(self.given_up(NO_MODEL));
        }
        if forms.is_empty() {
            let responses = answered.into_iter().collect();
            return AfterRound::SendAgain(Self { number: self.number + 1, state, responses });
        }
        let continuation = Continuation::Retry { round: self.number, state, answered };
        AfterRound::Fault(CallFault::Asks(Box::new(Inquiry { forms, continuation })))
    }
}

impl Round {
    /// Once a person has answered, the server may have acted on that.
    fn given_up(&self, why: &str) -> CallFault {
        if self.number > 1 {
            return CallFault::Broken(why.to_owned());
        }
        CallFault::refused(&format!(
            "the call was given up and did nothing, because of the tool's server: {why}"
        ))
    }
}

/// `None` for a call that waits in a process.
fn resumed(resumed: &Resumption) -> Option<Round> {
    let Continuation::Retry { round, state, answered } = &resumed.continuation else { return None };
    let replies = resumed.replies.iter().map(|(name, reply)| (name.clone(), answer(reply)));
    let answered: Map<String, Value> = answered.clone().into_iter().chain(replies).collect();
    let (state, responses) = (state.clone(), answered.into_iter().collect());
    Some(Round { number: round.saturating_add(1), state, responses })
}
