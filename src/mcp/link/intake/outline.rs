//! What a message is and how large it would become, read from its bytes before anything is built
//! from them (ADR 39).

use rmcp::RoleClient;
use rmcp::model::{ErrorData, JsonRpcMessage, RequestId};
use rmcp::service::RxJsonRpcMessage;

use super::super::super::error::TOO_LARGE;

/// A picture of 6 MB in base64.
pub(super) const MAX_MESSAGE_BYTES: usize = 8 * 1024 * 1024;
/// Values in lists and objects. Each takes up to a kilobyte once it is read, however short it was.
pub(super) const MAX_MESSAGE_PARTS: usize = 50_000;
/// What could be no key that counts is not compared to the end.
const MAX_KEY_BYTES: usize = 8;

/// Grows with each piece of a message; keeps none of it.
#[derive(Debug, Default)]
pub(super) struct Outline {
    bytes: usize,
    parts: usize,
    depth: usize,
    place: Place,
    /// The beginning of the last text at the top of the message, or in what is there.
    word: Vec<u8>,
    member: TopMember,
    /// rmcp numbers our requests.
    id: Option<i64>,
    has_method: bool,
    has_result: bool,
    has_tools: bool,
}

/// The member at the top whose value is being read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum TopMember {
    Id,
    #[default]
    Other,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Place {
    #[default]
    BetweenTexts,
    InText,
    /// In a text, behind a backslash.
    Escaped,
}

impl Outline {
    pub(super) fn of(message: &[u8]) -> Self {
        let mut outline = Self::default();
        outline.read(message);
        outline
    }

    pub(super) fn read(&mut self, piece: &[u8]) {
        self.bytes = self.bytes.saturating_add(piece.len());
        for &byte in piece {
            match self.place {
                Place::BetweenTexts => self.read_between(byte),
                Place::InText | Place::Escaped => self.read_in_text(byte),
            }
        }
    }

    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) const fn is_too_large(&self) -> bool {
        self.bytes > MAX_MESSAGE_BYTES || self.parts > MAX_MESSAGE_PARTS
    }

    /// The request that it answers; none if it is something else.
    pub(super) fn answers(&self) -> Option<RequestId> {
        let id = self.id.filter(|_| self.has_result && !self.has_method);
        id.map(RequestId::Number)
    }

    /// Whether it may be an answer with a list of tools.
    pub(super) const fn lists_tools(&self) -> bool {
        self.has_result && self.has_tools && !self.has_method
    }

    /// What its request gets in its place: the call ends at once, and its effect is unknown.
    pub(super) fn in_its_place(&self, words: &'static str) -> Option<RxJsonRpcMessage<RoleClient>> {
        let id = self.answers()?;
        Some(JsonRpcMessage::error(ErrorData::internal_error(words, None), Some(id)))
    }

    pub(super) fn too_large(&self) -> Option<RxJsonRpcMessage<RoleClient>> {
        self.in_its_place(TOO_LARGE)
    }

    fn read_in_text(&mut self, byte: u8) {
        self.place = match (self.place, byte) {
            (Place::InText, b'"') => Place::BetweenTexts,
            (Place::InText, b'\\') => Place::Escaped,
            _ => Place::InText,
        };
        let may_be_key = self.depth <= 2 && self.word.len() < MAX_KEY_BYTES;
        if self.place != Place::BetweenTexts && may_be_key {
            self.word.push(byte);
        }
    }

    fn read_between(&mut self, byte: u8) {
        match byte {
            b'"' => {
                self.place = Place::InText;
                self.word.clear();
            }
            b'{' | b'[' => {
                self.depth += 1;
                self.parts += 1;
            }
            b'}' | b']' => {
                self.depth = self.depth.saturating_sub(1);
                self.member = TopMember::Other;
            }
            b',' => {
                self.parts += 1;
                self.member = TopMember::Other;
            }
            b':' if self.depth == 1 => self.read_key(),
            b':' if self.depth == 2 => self.has_tools |= self.word.as_slice() == b"tools",
            b'0'..=b'9' if self.member == TopMember::Id => {
                let id = self.id.unwrap_or_default().checked_mul(10);
                self.id = id.and_then(|id| id.checked_add(i64::from(byte - b'0')));
                if self.id.is_none() {
                    self.member = TopMember::Other;
                }
            }
            _ => {}
        }
    }

    fn read_key(&mut self) {
        match self.word.as_slice() {
            b"id" => {
                self.member = TopMember::Id;
                self.id = None;
            }
            b"method" => self.has_method = true,
            b"result" | b"error" => self.has_result = true,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_known_by_its_members_at_the_top_alone() {
        let answers = |message: &str| Outline::of(message.as_bytes()).answers();
        let seven = Some(RequestId::Number(7));
        assert_eq!(answers(r#"{"jsonrpc":"2.0","id":7,"result":{"id":9}}"#), seven);
        assert_eq!(answers(r#"{ "result" : [ "\"method\":" ], "id" : 7 }"#), seven);
        assert_eq!(answers(r#"{"error":{"method":"x"},"id":7}"#), seven);
        assert_eq!(answers(r#"{"id":7,"method":"ping"}"#), None);
        assert_eq!(answers(r#"{"id":7,"method":"ping","result":{}}"#), None);
        assert_eq!(answers(r#"{"id":7,"params":{"result":1}}"#), None);
        assert_eq!(answers(r#"{"id":"result","result":1}"#), None);
        assert_eq!(answers(r#"{"id":99999999999999999999,"result":1}"#), None);
        assert_eq!(answers("Welcome!"), None);
    }

    #[test]
    fn values_are_counted_and_what_stands_in_texts_is_not() {
        let parts = |message: &str| Outline::of(message.as_bytes()).parts;
        assert_eq!(parts(r#"{"a":[1,2,3],"b":{}}"#), 6);
        assert_eq!(parts(r#"{"a":"[,,\"{{,\\"}"#), 1);
    }

    #[test]
    fn a_message_in_pieces_is_the_same_message() {
        let message = br#"{"jsonrpc":"2.0","id":41,"result":{"a":"\\\"","b":[1,2]}}"#;
        for at in 0..message.len() {
            let (mut outline, (one, two)) = (Outline::default(), message.split_at(at));
            outline.read(one);
            outline.read(two);
            assert_eq!(outline.answers(), Some(RequestId::Number(41)));
            assert_eq!((outline.parts, outline.bytes()), (7, message.len()));
        }
    }
}
