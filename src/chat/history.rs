//! What of a transcript the model is sent.

use std::collections::VecDeque;

use super::record::wording::unfinished;
use crate::agents::{ASK_USER, ToolError, bytes_of, bytes_of_tokens, shorten_results};
use crate::domain::{Message, ToolCall, ToolResult};

/// Whole turns from the newest back, each call with its result, within a budget of tokens.
///
/// Calls at the very end are left without: they are about to be made. Of an earlier turn that broke
/// off without a word the model is told so, since it must not go on with it.
pub fn for_model(transcript: Vec<Message>, max_tokens: usize) -> Vec<Message> {
    let max_bytes = bytes_of_tokens(max_tokens);
    let mut turns = turns(transcript);
    let newest = turns.pop().map(|turn| fitting(under_way(turn), max_bytes));
    let newest = newest.unwrap_or_default();
    let mut left = max_bytes.saturating_sub(bytes_of(&newest));
    let mut kept = VecDeque::from([newest]);
    for turn in turns.into_iter().rev() {
        let turn = fitting(ended(answered(turn)), left);
        let size = bytes_of(&turn);
        if size > left {
            break;
        }
        left -= size;
        kept.push_front(turn);
    }
    kept.into_iter().flatten().collect()
}

/// The turn as it is if there is room, else with its results shortened.
fn fitting(mut turn: Vec<Message>, room: usize) -> Vec<Message> {
    shorten_results(&mut turn, room);
    turn
}

/// Each turn begins with the user's message; what stands before the first is half a turn.
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

/// A process that died between a call and its result leaves a call unanswered.
fn answered(turn: Vec<Message>) -> Vec<Message> {
    let mut whole = Vec::with_capacity(turn.len());
    let mut messages = turn.into_iter().peekable();
    while let Some(message) = messages.next() {
        let calls = match &message {
            Message::Assistant(said) if !said.calls.is_empty() => said.calls.clone(),
            Message::Tools { .. }
            | Message::Assistant(_)
            | Message::User { .. }
            | Message::Note { .. } => Vec::new(),
        };
        whole.push(message);
        let unanswered = !matches!(messages.peek(), Some(Message::Tools { .. }));
        if !calls.is_empty() && unanswered {
            whole.push(Message::Tools { results: calls.iter().map(unknown).collect() });
        }
    }
    whole
}

/// A process that died in a turn leaves it without an end, and the message as if it still waited.
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
        [.., Message::Assistant(said), Message::Tools { .. }] => {
            said.calls.iter().any(|call| call.name == ASK_USER)
        }
        _ => false,
    }
}

/// The same, but for calls at the end.
fn under_way(mut turn: Vec<Message>) -> Vec<Message> {
    let is_open =
        |message: &Message| matches!(message, Message::Assistant(said) if !said.calls.is_empty());
    let last = turn.pop_if(|last| is_open(last));
    answered(turn).into_iter().chain(last).collect()
}

/// What is said of a call that nobody knows the end of.
pub(super) fn unknown(call: &ToolCall) -> ToolResult {
    let output = ToolError::Lost.to_string();
    ToolResult { id: call.id.clone(), name: call.name.clone(), output, is_error: true }
}
