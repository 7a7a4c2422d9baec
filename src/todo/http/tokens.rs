//! The tokens of callers over HTTP, and the file that lists them. Reports all faults at once and never
//! a value.

use std::fmt;
use std::sync::Arc;

use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::super::owner::TodoOwner;

const MAX_TOKENS: usize = 1_000;
const MAX_NAME: usize = 64;
const MEMBERS: [&str; 5] = ["name", "hash", "tenant", "user", "speaks_for_others"];

/// All tokens that are accepted.
#[derive(Clone, Default)]
pub struct Tokens(Arc<[Token]>);

#[derive(Debug)]
struct Token {
    hash: [u8; 32],
    visitor: Visitor,
}

/// A caller over HTTP, as its token says.
#[derive(Clone, Debug)]
pub(crate) struct Visitor {
    /// Of its token.
    pub(super) name: Arc<str>,
    pub(crate) voice: Voice,
}

/// Whose todos a caller may name.
#[derive(Clone, Debug)]
pub(crate) enum Voice {
    /// These alone.
    Own(TodoOwner),
    /// Anybody's: `_meta` says whose.
    ForOthers,
}

/// All faults of a list of tokens.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.join("; "))]
pub struct InvalidTokens(Vec<String>);

type Faults = Vec<&'static str>;

impl Tokens {
    /// A hash is enough for a secret that nobody can guess. All entries are compared, each in
    /// constant time.
    pub(super) fn recognise(&self, secret: &str) -> Option<Visitor> {
        let hash = Sha256::digest(secret);
        let is_it = |token: &Token| bool::from(token.hash.ct_eq(&hash));
        let found =
            self.0.iter().fold(None, |found, token| found.or(is_it(token).then_some(token)));
        found.map(|token| token.visitor.clone())
    }
}

impl fmt::Debug for Tokens {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_list().entries(self.0.iter().map(|token| &token.visitor.name)).finish()
    }
}

impl Visitor {
    /// On a server without tokens.
    pub(super) fn anyone() -> Self {
        Self { name: Arc::from(""), voice: Voice::Own(TodoOwner::anyone()) }
    }
}

/// Reads `{"tokens": [{"name", "hash", "user", "tenant"?} | {"name", "hash", "speaks_for_others"}]}`.
pub fn read_tokens(json: &str) -> Result<Tokens, InvalidTokens> {
    let entries = entries(json).map_err(|fault| InvalidTokens(vec![fault.to_owned()]))?;
    let (mut tokens, mut faults): (Vec<Token>, Vec<String>) = (Vec::new(), Vec::new());
    for (place, entry) in (1..).zip(&entries) {
        let read = read_token(entry).and_then(|token| unlike(&tokens, token));
        match read {
            Ok(token) => tokens.push(token),
            Err(found) => {
                faults.extend(found.iter().map(|fault| format!("token {place}: {fault}")));
            }
        }
    }
    if faults.is_empty() { Ok(Tokens(tokens.into())) } else { Err(InvalidTokens(faults)) }
}

fn entries(json: &str) -> Result<Vec<Value>, &'static str> {
    let Ok(Value::Object(mut root)) = serde_json::from_str(json) else {
        return Err("the text is not a JSON object");
    };
    match root.remove("tokens") {
        Some(Value::Array(entries)) if entries.is_empty() => Err("there is no token"),
        Some(Value::Array(entries)) if entries.len() > MAX_TOKENS => {
            Err("there are more than 1000 tokens; use fewer")
        }
        Some(Value::Array(entries)) if root.is_empty() => Ok(entries),
        Some(Value::Array(_)) => Err(r#"only the member "tokens" is known"#),
        Some(_) | None => Err(r#"there is no list "tokens"; write {"tokens": [{…}]}"#),
    }
}

fn read_token(entry: &Value) -> Result<Token, Faults> {
    let Value::Object(entry) = entry else { return Err(vec!["it is not an object"]) };
    let mut faults = Faults::new();
    if entry.keys().any(|name| !MEMBERS.contains(&name.as_str())) {
        faults.push("it has an unknown member");
    }
    let name = entry.get("name").and_then(Value::as_str).filter(|name| is_name(name));
    if name.is_none() {
        faults.push(r#""name" must be 1 to 64 of A-Z a-z 0-9 _ -"#);
    }
    let hash = entry.get("hash").and_then(Value::as_str).and_then(read_hash);
    if hash.is_none() {
        faults.push(r#""hash" must be sha256: and 64 hexadecimal digits"#);
    }
    let voice = read_voice(entry).map_err(|fault| faults.push(fault)).ok();
    match (name, hash, voice) {
        (Some(name), Some(hash), Some(voice)) if faults.is_empty() => {
            Ok(Token { hash, visitor: Visitor { name: name.into(), voice } })
        }
        _ => Err(faults),
    }
}

fn is_name(name: &str) -> bool {
    let fine = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    (1..=MAX_NAME).contains(&name.len()) && name.chars().all(fine)
}

fn read_hash(text: &str) -> Option<[u8; 32]> {
    let digits = text.strip_prefix("sha256:")?;
    let is_plain = digits.len() == 64 && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    let byte = |at: usize| u8::from_str_radix(digits.get(at..at + 2)?, 16).ok();
    let bytes: Option<Vec<u8>> = (0..64).step_by(2).map(byte).collect();
    bytes.filter(|_| is_plain)?.try_into().ok()
}

fn read_voice(entry: &Map<String, Value>) -> Result<Voice, &'static str> {
    let speaks = match entry.get("speaks_for_others") {
        None => false,
        Some(Value::Bool(speaks)) => *speaks,
        Some(_) => return Err(r#""speaks_for_others" must be true or false"#),
    };
    match (speaks, entry.get("user"), entry.get("tenant")) {
        (true, None, None) => Ok(Voice::ForOthers),
        (true, _, _) => Err(r#"it has an owner and "speaks_for_others"; keep one"#),
        (false, None, _) => Err(r#"it has neither "user" nor "speaks_for_others"; give one"#),
        (false, Some(user), tenant) => {
            let tenant = tenant.map_or(Some(""), Value::as_str);
            let owner = tenant.zip(user.as_str()).and_then(|(t, user)| TodoOwner::user(t, user));
            owner.map(Voice::Own).ok_or(
                r#""user" and "tenant" must be printable texts of at most 200 bytes, "tenant" without a slash"#,
            )
        }
    }
}

fn unlike(tokens: &[Token], token: Token) -> Result<Token, Faults> {
    let mut faults = Faults::new();
    if tokens.iter().any(|other| other.visitor.name == token.visitor.name) {
        faults.push("another token has its name");
    }
    if tokens.iter().any(|other| other.hash == token.hash) {
        faults.push("another token has its hash");
    }
    if faults.is_empty() { Ok(token) } else { Err(faults) }
}
