//! The lines of an event stream, whatever pieces they come in.

use bytes::{Buf, Bytes};

const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();
const MAX_LINE_BYTES: usize = 2 * 1024 * 1024;
const MAX_STRAY_BYTES: usize = 16 * 1024;
/// Longer than any line that is looked at, short enough to keep.
const MAX_HEAD_BYTES: usize = 32;

/// Follows the lines of one body.
#[derive(Debug)]
pub(super) struct Lines {
    /// How much of a byte order mark was seen; none any more once the body has begun.
    mark: Option<usize>,
    head: Vec<u8>,
    length: usize,
    stray: Vec<u8>,
}

/// What was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// Nothing special.
    Plain,
    /// The line `data: [DONE]`, and where it stands in the piece just taken.
    Done {
        /// Zero if it began in an earlier piece.
        begins_at: usize,
        /// Behind its end.
        ends_at: usize,
    },
    /// No line may be this long.
    TooLong,
}

impl Default for Lines {
    fn default() -> Self {
        Self { mark: Some(0), head: Vec::new(), length: 0, stray: Vec::new() }
    }
}

impl Lines {
    /// Follows one piece; a byte order mark is taken off, since it breaks the parser behind us.
    pub(super) fn take(&mut self, piece: &mut Bytes) -> Line {
        self.skip_mark(piece);
        let mut begins_at = 0;
        for part in piece.split_inclusive(|byte| is_end(*byte)) {
            self.note(part);
            if self.length > MAX_LINE_BYTES {
                return Line::TooLong;
            }
            let ends_at = begins_at + part.len();
            if part.last().is_some_and(|byte| is_end(*byte)) && self.ends_as_done() {
                return Line::Done { begins_at, ends_at };
            }
            begins_at = ends_at;
        }
        Line::Plain
    }

    /// What belonged to no event so far.
    pub(super) fn stray(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.stray)
    }

    /// Marks are taken off as long as they come, even torn ones: no text may begin with one.
    fn skip_mark(&mut self, piece: &mut Bytes) {
        while let (Some(seen), Some(byte)) = (self.mark, piece.first()) {
            let expected = BYTE_ORDER_MARK.get(seen).or(BYTE_ORDER_MARK.first());
            self.mark = if expected == Some(byte) {
                Some(seen % BYTE_ORDER_MARK.len() + 1)
            } else {
                (BYTE_ORDER_MARK.first() == Some(byte)).then_some(1)
            };
            if self.mark.is_some() {
                piece.advance(1);
            }
        }
    }

    fn note(&mut self, part: &[u8]) {
        let room = MAX_HEAD_BYTES.saturating_sub(self.head.len());
        self.head.extend_from_slice(part.get(..room).unwrap_or(part));
        self.length += part.len();
        let room = MAX_STRAY_BYTES.saturating_sub(self.stray.len());
        if self.head.first().is_some_and(|byte| is_stray(*byte)) {
            self.stray.extend_from_slice(part.get(..room).unwrap_or(part));
        }
    }

    fn ends_as_done(&mut self) -> bool {
        let data = self.head.strip_prefix(b"data:").map(<[u8]>::trim_ascii);
        let is_done = data == Some(b"[DONE]");
        self.head.clear();
        self.length = 0;
        is_done
    }
}

/// Either character ends a line; both together end one and an empty one.
fn is_end(byte: u8) -> bool {
    matches!(byte, b'\n' | b'\r')
}

/// Fields begin with a letter and comments with a colon; this begins neither.
fn is_stray(byte: u8) -> bool {
    !byte.is_ascii_alphabetic() && !matches!(byte, b':' | b'\r' | b'\n')
}
