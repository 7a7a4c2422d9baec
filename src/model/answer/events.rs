//! The events of a streamed body, whatever pieces it comes in.

use bytes::{Buf, Bytes};
use memchr::memchr2;

const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();
/// No event, and no line of one, may be this long.
const MAX_BYTES: usize = 2 * 1024 * 1024;
const MAX_STRAY_BYTES: usize = 16 * 1024;
const DONE: &[u8] = b"[DONE]";

/// Cuts a body into events.
#[derive(Debug, Default)]
pub(in crate::model) struct Events {
    /// What was not looked at yet.
    piece: Bytes,
    /// Whether a line was read, so that no byte order mark can come any more.
    has_begun: bool,
    /// Whether the last line ended in a carriage return: a line feed then belongs to it.
    was_return: bool,
    /// The beginning of a line.
    line: Vec<u8>,
    /// What the event in the making says.
    data: Vec<u8>,
    is_told: bool,
    /// Comments since somebody asked.
    comments: usize,
    stray: Vec<u8>,
}

/// Something that was found.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::model) enum SseEvent<'a> {
    /// An event that says this.
    Data(&'a [u8]),
    /// The server is done.
    Done,
    /// What comes is longer than any event.
    TooLong,
}

impl Events {
    /// Goes on with this piece; what was found in the one before must be taken first. Without one
    /// the body is over: a line that was begun is whole, and so is an event without its blank line.
    pub(in crate::model) fn take(&mut self, piece: Option<Bytes>) {
        self.piece = piece.unwrap_or(Bytes::from_static(b"\n\n"));
    }

    /// The next event, until another piece is needed.
    pub(in crate::model) fn next(&mut self) -> Option<SseEvent<'_>> {
        if std::mem::take(&mut self.is_told) {
            self.data.clear();
        }
        while let Some(end) = memchr2(b'\n', b'\r', &self.piece) {
            let rest = self.piece.split_to(end);
            let is_return = self.piece.get_u8() == b'\r';
            let is_second_half = self.was_return && !is_return && self.is_blank(&rest);
            self.was_return = is_return;
            if !is_second_half && self.end_line(&rest) {
                self.is_told = true;
                break;
            }
        }
        self.found()
    }

    /// Whether a comment came since this was asked: no event, and yet a sign of life.
    pub(in crate::model) fn take_comment(&mut self) -> bool {
        std::mem::take(&mut self.comments) > 0
    }

    /// What belonged to no event, such as a bare error object.
    pub(in crate::model) fn stray(&self) -> &[u8] {
        &self.stray
    }

    fn found(&mut self) -> Option<SseEvent<'_>> {
        if !self.is_told {
            // Let go even if it is empty: it would keep the connection's buffer from being used again.
            let rest = std::mem::take(&mut self.piece);
            self.line.extend_from_slice(&rest);
        }
        if self.line.len().max(self.data.len()) > MAX_BYTES {
            return Some(SseEvent::TooLong);
        }
        let is_done = self.data.trim_ascii() == DONE;
        self.is_told.then_some(if is_done { SseEvent::Done } else { SseEvent::Data(&self.data) })
    }

    fn is_blank(&self, rest: &[u8]) -> bool {
        self.line.is_empty() && rest.is_empty()
    }

    /// Reads a line that ends with `rest`, and tells whether it ends an event.
    fn end_line(&mut self, rest: &[u8]) -> bool {
        if self.line.is_empty() {
            return self.read(rest);
        }
        let mut line = std::mem::take(&mut self.line);
        line.extend_from_slice(rest);
        let ends_event = self.read(&line);
        line.clear();
        self.line = line;
        ends_event
    }

    fn read(&mut self, line: &[u8]) -> bool {
        let is_first = !std::mem::replace(&mut self.has_begun, true);
        let line = line.strip_prefix(BYTE_ORDER_MARK).filter(|_| is_first).unwrap_or(line);
        let Some(first) = line.first() else { return !self.data.is_empty() };
        if *first == b':' {
            self.comments += 1;
        } else if !first.is_ascii_alphabetic() {
            self.keep_stray(line);
        }
        let Some(said) = line.strip_prefix(b"data:") else { return false };
        let is_more = !self.data.is_empty();
        if is_more {
            self.data.push(b'\n');
        }
        self.data.extend_from_slice(said.strip_prefix(b" ").unwrap_or(said));
        // Nothing follows it that is worth waiting for.
        !is_more && said.trim_ascii() == DONE
    }

    /// Fields begin with a letter and comments with a colon; this begins neither.
    fn keep_stray(&mut self, line: &[u8]) {
        if self.stray.len() + line.len() < MAX_STRAY_BYTES {
            self.stray.extend_from_slice(line);
            self.stray.push(b'\n');
        }
    }
}
