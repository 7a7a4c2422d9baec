//! A stream of events, none of which is kept for longer than it may be (ADR 39).

use std::io;

use bytes::Bytes;
use futures::{Stream, StreamExt};
use rmcp::transport::common::client_side_sse::BoxedSseResponse;
use sse_stream::SseStream;

use super::outline::MAX_MESSAGE_BYTES;

/// An answer that is too large is read to its end, so that its call hears of it, up to here.
const MAX_EVENT_BYTES: usize = 2 * MAX_MESSAGE_BYTES;

/// How much came since the last blank line, which is what ends an event.
#[derive(Debug, Default)]
struct EventLength {
    bytes: usize,
    in_line: bool,
    after_return: bool,
}

impl EventLength {
    /// Whether an event grows beyond what is kept.
    fn exceeds(&mut self, piece: &[u8]) -> bool {
        for &byte in piece {
            let ends_twice = byte == b'\n' && self.after_return;
            self.after_return = byte == b'\r';
            if ends_twice {
                continue;
            }
            let ends = matches!(byte, b'\n' | b'\r');
            self.bytes = if ends && !self.in_line { 0 } else { self.bytes + 1 };
            self.in_line = !ends;
            if self.bytes > MAX_EVENT_BYTES {
                return true;
            }
        }
        false
    }
}

pub(super) fn read_events(
    bytes: impl Stream<Item = reqwest::Result<Bytes>> + Send + 'static,
) -> BoxedSseResponse {
    let mut length = EventLength::default();
    let bounded = bytes.map(move |piece| {
        let piece = piece.map_err(io::Error::other)?;
        if length.exceeds(&piece) {
            return Err(io::Error::other("an event without an end"));
        }
        Ok(piece)
    });
    SseStream::from_bytes_stream(bounded).boxed()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_has_a_limit_and_a_stream_has_none() {
        for end in ["\n", "\r", "\r\n"] {
            let mut length = EventLength::default();
            let event = format!("data: {}{end}{end}", "x".repeat(MAX_EVENT_BYTES - 10));
            for cut in [1, 7, event.len() - 1] {
                let (one, two) = event.as_bytes().split_at(cut);
                assert!(!length.exceeds(one) && !length.exceeds(two), "{end:?} {cut}");
            }
            let lines = format!("data: x{end}").repeat(MAX_EVENT_BYTES / 7);
            assert!(length.exceeds(lines.as_bytes()), "{end:?}");
        }
    }
}
