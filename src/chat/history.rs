//! Which part of a thread is sent to the model.

use std::collections::VecDeque;

use super::record::wording::unfinished;
use base::agents::{ASK_USER, ToolError, bytes_of, bytes_of_tokens, open_calls, shorten_results};
use base::domain::{Message, ToolCall, ToolResult};

/// Whole turns, the newest kept first, each call with its result, within a limit in tokens.
///
/// Calls at the very end have no result yet: they are about to be made. If an earlier turn broke
/// off without a note, the model is told so. Otherwise it would work on that message as well
/// (ADR 22).
pub fn for_model(transcript: Vec<Message>, max_tokens: usize) -> Vec<Message> {
    let max_bytes = bytes_of_tokens(max_tokens);
    let mut turns = turns(transcript);
    let newest = turns.pop().map(|turn| fitting(under_way(turn), max_bytes));
    // The newest turn goes out whatever its size: without it there is nothing to answer.
    let newest = newest.unwrap_or_default();
    let mut left = max_bytes.saturating_sub(bytes_of(&newest));
    let mut kept = VecDeque::from([newest]);
    for turn in turns.into_iter().rev() {
        let turn = fitting(ended(answered(turn)), left);
        let size = bytes_of(&turn);
        // No older turn after one that does not fit: a gap would mislead the model.
        if size > left {
            break;
        }
        left -= size;
        kept.push_front(turn);
    }
    kept.into_iter().flatten().collect()
}

/// The turn, with its results shortened if there is no room for all of it.
fn fitting(mut turn: Vec<Message>, room: usize) -> Vec<Message> {
    shorten_results(&mut turn, room);
    turn
}

/// Each turn begins with a message of the user. Messages before the first belong to a turn whose
/// beginning was not loaded, and are dropped.
fn turns(transcript: Vec<Message>) -> Vec<Vec<Message>> {
    let mut turns: Vec<Vec<Message>> = Vec::new();
    for message in transcript {
        if matches!(message, Message::User { .. }) {
            turns.push(vec![message]);
        } else if let Some(turn) = turns.last_mut() {
            turn.push(message);
        }
    }
    turns
}

/// Adds a result to calls that have none, because a process died before it stored one. Every
/// provider refuses a call without a result (ADR 13).
fn answered(turn: Vec<Message>) -> Vec<Message> {
    let mut whole = Vec::with_capacity(turn.len());
    let mut messages = joined(turn).into_iter().peekable();
    while let Some(message) = messages.next() {
        whole.push(message);
        if matches!(messages.peek(), Some(Message::Tools { .. })) {
            continue;
        }
        let missing: Vec<_> = open_calls(&whole).into_iter().map(unknown).collect();
        match whole.last_mut() {
            Some(Message::Tools { results }) => results.extend(missing),
            _ if missing.is_empty() => {}
            _ => whole.push(Message::Tools { results: missing }),
        }
    }
    whole
}

/// The results of one reply as one message: of calls that waited for a person they came later
/// (ADR 38).
fn joined(turn: Vec<Message>) -> Vec<Message> {
    let mut whole: Vec<Message> = Vec::with_capacity(turn.len());
    for message in turn {
        match (message, whole.last_mut()) {
            (Message::Tools { results: more }, Some(Message::Tools { results })) => {
                results.extend(more);
            }
            (message, _) => whole.push(message),
        }
    }
    whole
}

/// A process that died during a turn stored no note, so the message looks unanswered.
fn ended(mut turn: Vec<Message>) -> Vec<Message> {
    if !has_end(&turn) {
        turn.push(Message::Note { text: unfinished("it broke off") });
    }
    turn
}

fn has_end(turn: &[Message]) -> bool {
    match turn {
        [.., Message::Note { .. }] => true,
        [.., Message::Assistant(said)] => said.calls.is_empty(),
        // A form ends a turn: its call is answered at once, and no reply follows (ADR 13). A call
        // that was not approved is answered when the next message comes (ADR 38).
        [.., Message::Assistant(said), Message::Tools { results }] => {
            said.calls.iter().any(|call| call.name == ASK_USER)
                || results.iter().any(|result| ToolError::is_given_up_in(&result.output))
        }
        _ => false,
    }
}

/// Like [`answered`], but leaves calls at the end open.
fn under_way(turn: Vec<Message>) -> Vec<Message> {
    let mut turn = joined(turn);
    let open = if open_calls(&turn).is_empty() { 0 } else { turn.len() - last_reply(&turn) };
    let last = turn.split_off(turn.len() - open);
    answered(turn).into_iter().chain(last).collect()
}

fn last_reply(turn: &[Message]) -> usize {
    let is_reply = |message: &Message| matches!(message, Message::Assistant(_));
    turn.iter().rposition(is_reply).unwrap_or(turn.len())
}

/// The result of a call whose outcome is unknown.
pub(super) fn unknown(call: &ToolCall) -> ToolResult {
    ToolResult::ours(call, ToolError::Lost.to_string())
}
