//! Sentences for the user and the model about a turn that lacks tools or has no complete answer.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::super::ToolRecord;
use base::agents::{Finish, ToolError};
use base::domain::{Outcome, SignInOffer};

/// Appended to text that was cut, so that nobody takes it for complete (ADR 7).
pub(crate) const CUT_MARK: &str = "\n\n*[cut off here]*";

/// What a step shows whose server asks the person.
pub(crate) const WAITS: &str = "It asks you something first.";

/// The sentence for the user; `None` if the turn succeeded.
pub(crate) fn message_for_person(
    finish: &Finish,
    done: &[ToolRecord],
    request_id: &str,
) -> Option<String> {
    let sentence = match finish {
        Finish::Completed | Finish::Asked(_) | Finish::Held(_) | Finish::Inquired(_) => {
            return None;
        }
        Finish::Cancelled => "The answer was stopped.".to_owned(),
        Finish::StepLimit { steps } => {
            let steps = if *steps == 1 { "1 step".to_owned() } else { format!("{steps} steps") };
            format!("I stopped after {steps} without finishing. {}", list(done))
        }
        Finish::OverBudget(over) => format!(
            "I stopped: this answer has used {}, and the limit is {}. {}",
            over.spent,
            over.limit,
            list(done)
        ),
        Finish::Repeated { tool } => {
            format!("I stopped because I kept making the same call of {tool}. {}", list(done))
        }
        Finish::Deadline => format!("The time for this answer is up. {}", list(done)),
        Finish::TooLong => {
            format!("The answer was cut: it is too long to be read. {}", list(done))
        }
        Finish::ShutDown => {
            format!("The server is restarting. {} Try again in a moment.", list(done))
        }
        Finish::Storage => {
            format!("The conversation could not be saved, so I stopped. {}", list(done))
        }
        Finish::Lost => {
            format!("This conversation went on elsewhere, or was deleted. {}", list(done))
        }
        Finish::Model(error) if done.is_empty() => error.message_for_person(),
        Finish::Model(error) => format!("{} {}", error.message_for_person(), list(done)),
    };
    // Only for faults of ours: by the id an operator finds the lines of the log (ADR 4).
    let is_ours = finish.outcome() == Outcome::Failed;
    Some(if is_ours { format!("{sentence} (request {request_id})") } else { sentence })
}

/// The note for the model's next turn; `None` if the answer is complete.
pub(crate) fn note(finish: &Finish) -> Option<String> {
    let reason = match finish {
        Finish::Completed | Finish::Asked(_) | Finish::Held(_) | Finish::Inquired(_) => {
            return None;
        }
        Finish::Cancelled => "the user stopped it",
        Finish::StepLimit { .. } | Finish::Repeated { .. } => "it took too many steps",
        Finish::OverBudget(_) => "it had reached the cost limit of an answer",
        Finish::Deadline => "it took too long",
        Finish::TooLong => "it was too long",
        Finish::ShutDown => "the server restarted",
        Finish::Storage | Finish::Lost => "it could not be saved",
        Finish::Model(_) => "the model failed",
    };
    Some(unfinished(reason))
}

/// The note for the model about an answer without an end.
pub(crate) fn unfinished(reason: &str) -> String {
    format!(
        "The answer to the message before this was not finished: {reason}. \
         Do not go on with it unless the user asks."
    )
}

/// For a copy whose message or form was deleted by a retry of an earlier message (ADR 22).
pub(crate) const FORGOTTEN: &str = "An earlier message was tried again since, so the answer that was \
     here was deleted. Nothing was done again.";

/// For a copy of a cut request that comes after something else (ADR 22).
pub(crate) fn overtaken(done: &[ToolRecord]) -> String {
    let end = "This answer is incomplete, and the conversation has continued since.";
    match list(done).as_str() {
        NOTHING => format!("{end} {NOTHING}"),
        done => format!("{end} {done} Nothing was done again."),
    }
}

const NOTHING: &str = "Nothing was done.";

/// What was done, and what may have been done.
fn list(done: &[ToolRecord]) -> String {
    let made = counted(done.iter().filter(|record| !record.is_error));
    let is_unknown =
        |record: &&ToolRecord| record.is_error && ToolError::is_unknown_in(&record.result);
    let unknown = counted(done.iter().filter(is_unknown));
    match (made.is_empty(), unknown.is_empty()) {
        (true, true) => NOTHING.to_owned(),
        (false, true) => format!("Done so far: {made}."),
        (true, false) => format!("It is not known whether this was done: {unknown}."),
        (false, false) => {
            format!("Done so far: {made}. It is not known whether this was done: {unknown}.")
        }
    }
}

fn counted<'a>(records: impl Iterator<Item = &'a ToolRecord>) -> String {
    let mut counts = BTreeMap::<&str, usize>::new();
    for record in records {
        *counts.entry(&record.name).or_default() += 1;
    }
    let calls: Vec<_> = counts.iter().map(|(name, times)| format!("{name} ×{times}")).collect();
    calls.join(", ")
}

/// For the user: our own link, which the model never sees (ADR 46).
pub(crate) fn sign_in(offer: &SignInOffer) -> String {
    let SignInOffer { host, url, .. } = offer;
    format!(
        "This needs your account at {host}. [Sign in at {host}]({url}), then come back and say that \
         you did. The link is for you alone and counts for ten minutes."
    )
}

/// For the user, before the answer: the servers that cannot be reached.
pub(crate) fn missing(servers: &[Arc<str>]) -> Option<String> {
    if servers.is_empty() {
        return None;
    }
    let servers = servers.join(", ");
    Some(format!("Some tools cannot be reached right now ({servers}). I answer without them."))
}
