//! What of a transcript the model is sent.

use std::collections::VecDeque;

use crate::agents::ToolError;
use crate::domain::{Message, ToolCall, ToolResult};

/// Older turns are left out once the newer ones hold so many bytes.
const MAX_BYTES: usize = 120_000;

/// Whole turns from the newest back, each call with its result.
pub fn for_model(transcript: Vec<Message>) -> Vec<Message> {
    let mut kept = VecDeque::new();
    let mut bytes = 0_usize;
    for turn in turns(transcript).into_iter().rev() {
        bytes = bytes.saturating_add(turn.iter().map(size).sum());
        if bytes > MAX_BYTES && !kept.is_empty() {
            break;
        }
        kept.push_front(answered(turn));
    }
    kept.into_iter().flatten().collect()
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

fn unknown(call: &ToolCall) -> ToolResult {
    let output = ToolError::Lost.to_string();
    ToolResult { id: call.id.clone(), name: call.name.clone(), output, is_error: true }
}

fn size(message: &Message) -> usize {
    match message {
        Message::User { text } | Message::Note { text } => text.len(),
        Message::Assistant(said) => {
            let calls = said.calls.iter().map(|call| call.name.len() + call.arguments.len());
            said.text.len() + calls.sum::<usize>()
        }
        Message::Tools { results } => results.iter().map(|result| result.output.len()).sum(),
    }
}
