//! Cuts the body of a stream into server-sent events, however its bytes are split. Ours, because
//! async-openai's reader hides `[DONE]`, stray JSON and cuts (ADR 2).

use bytes::{Buf, Bytes};
use memchr::memchr2;

const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();
/// Limit for one event and for one line: every buffer has one.
const MAX_BYTES: usize = 2 * 1024 * 1024;
const MAX_STRAY_BYTES: usize = 16 * 1024;
const DONE: &[u8] = b"[DONE]";

#[derive(Debug, Default)]
pub(crate) struct Events {
    /// Bytes that were not read yet.
    piece: Bytes,
    /// Whether a line was read: only the first may begin with a byte order mark.
    has_begun: bool,
    /// Whether the last line ended in a carriage return. A line feed then belongs to it, even if it
    /// comes in the next piece.
    was_return: bool,
    /// The beginning of a line whose end has not arrived.
    line: Vec<u8>,
    /// The data of the current event.
    data: Vec<u8>,
    is_told: bool,
    /// Comments since the last `take_comment`.
    comments: usize,
    stray: Vec<u8>,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum SseEvent<'a> {
    Data(&'a [u8]),
    /// `[DONE]`.
    Done,
    /// The event is longer than the limit.
    TooLong,
}

impl Events {
    /// Continues with this piece, after all events of the one before were taken. `None` ends the
    /// body: a line or an event that has no end yet is then complete.
    pub(crate) fn take(&mut self, piece: Option<Bytes>) {
        self.piece = piece.unwrap_or(Bytes::from_static(b"\n\n"));
    }

    /// The next event; none if another piece is needed.
    pub(crate) fn next(&mut self) -> Option<SseEvent<'_>> {
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

    /// Whether a comment came since the last call. A comment is no event, but a sign of life.
    pub(crate) fn take_comment(&mut self) -> bool {
        std::mem::take(&mut self.comments) > 0
    }

    /// Lines that belong to no event, such as a bare error object.
    pub(crate) fn stray(&self) -> &[u8] {
        &self.stray
    }

    fn found(&mut self) -> Option<SseEvent<'_>> {
        if !self.is_told {
            // Dropped even if empty: the reference would stop hyper from reusing its read buffer.
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

    /// Reads a line that ends with `rest`. True if it ends an event.
    fn end_line(&mut self, rest: &[u8]) -> bool {
        if self.line.is_empty() {
            return self.read(rest);
        }
        // Taken and put back, so that the buffer keeps its capacity.
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
        // Some servers omit the blank line after `[DONE]`; nothing useful follows it.
        !is_more && said.trim_ascii() == DONE
    }

    /// For lines that are neither a field (a letter first) nor a comment (a colon first).
    fn keep_stray(&mut self, line: &[u8]) {
        if self.stray.len() + line.len() < MAX_STRAY_BYTES {
            self.stray.extend_from_slice(line);
            self.stray.push(b'\n');
        }
    }
}
