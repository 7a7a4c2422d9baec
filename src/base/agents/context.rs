//! How much of a conversation the model is sent. Results of tools are what grows, so they are
//! shortened.

use super::PageNote;
use crate::domain::Message;

/// A rough measure that holds for most languages and models.
const BYTES_PER_TOKEN: usize = 4;

/// The approximate number of bytes of so many tokens.
pub const fn bytes_of_tokens(tokens: usize) -> usize {
    tokens.saturating_mul(BYTES_PER_TOKEN)
}

/// The approximate number of tokens of so many bytes, rounded up.
pub const fn tokens_of_bytes(bytes: u64) -> u64 {
    bytes.div_ceil(BYTES_PER_TOKEN as u64)
}

/// Bytes of text in these messages.
pub fn bytes_of(messages: &[Message]) -> usize {
    messages.iter().map(Message::text_bytes).sum()
}

/// Shortens results, the oldest first, until the messages fit or none is left to shorten.
pub fn shorten_results(messages: &mut [Message], room: usize) {
    let mut bytes = bytes_of(messages);
    let results = messages.iter_mut().filter_map(|message| match message {
        Message::Tools { results } => Some(results),
        Message::User { .. } | Message::Assistant(_) | Message::Note { .. } => None,
    });
    // The oldest first: the model has most likely used them already.
    for result in results.flatten() {
        if bytes <= room {
            return;
        }
        let short = PageNote::short(&result.output);
        if short.len() < result.output.len() {
            bytes -= result.output.len() - short.len();
            result.output = short;
        }
    }
}
