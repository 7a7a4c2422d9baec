//! Who changes something, and the key with which they may repeat that without a second effect
//! (ADR 12).

use bytes::Bytes;
use rmcp::ErrorData;
use rmcp::handler::server::common::FromContextPart;
use rmcp::handler::server::tool::ToolCallContext;
use rmcp::model::{JsonObject, MetaObject};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::calls::Keyed;
use super::owner::{GivenOwner, TodoOwner};
use super::refusal::Refusal;
use super::server::TodoServer;

pub(super) const KEEP_HOURS: i64 = 24;
pub(super) const MAX_KEY: usize = 200;

/// The member of a call's `_meta` with its key.
const KEY: &str = "orchestrator/idempotency-key";
/// The member of a tool's `_meta` that says that it honours keys.
const MARK: &str = "orchestrator/idempotency";

/// A call that is recognised when it is repeated.
#[derive(Debug)]
pub(super) struct Key {
    pub(super) text: String,
    pub(super) tool: String,
    /// A digest: comparing needs no second copy of the user's text.
    pub(super) arguments: String,
}

/// Who changes something. Keys of two owners never meet.
#[derive(Debug)]
pub(super) struct Author {
    pub(super) owner: TodoOwner,
    pub(super) key: Option<Key>,
}

pub(super) struct GivenAuthor(pub(super) Result<Author, Refusal>);

impl Author {
    pub(super) fn keyed(&self) -> Option<Keyed<'_>> {
        Some((&self.owner, self.key.as_ref()?))
    }
}

pub(super) fn mark() -> MetaObject {
    let mut meta = MetaObject::new();
    meta.0.insert(MARK.to_owned(), json!({ "keep_hours": KEEP_HOURS }));
    meta
}

/// Must come before the arguments in a tool's signature: extracting those empties the context.
impl FromContextPart<ToolCallContext<'_, TodoServer>> for GivenAuthor {
    fn from_context_part(context: &mut ToolCallContext<'_, TodoServer>) -> Result<Self, ErrorData> {
        let owner = GivenOwner::from_context_part(context)?.0;
        let author = || Ok(Author { owner: owner?, key: key(context).transpose()? });
        Ok(Self(author()))
    }
}

fn key(context: &ToolCallContext<'_, TodoServer>) -> Option<Result<Key, Refusal>> {
    let given = context.request_context.meta.0.0.get(KEY)?;
    Some(checked(given).map(|text| Key {
        text: text.to_owned(),
        tool: context.name.clone().into_owned(),
        arguments: digest(context.arguments.clone().unwrap_or_default()),
    }))
}

fn checked(given: &Value) -> Result<&str, Refusal> {
    // PostgreSQL refuses NUL, and no useful key has a control character.
    let fits = |key: &&str| {
        (1..=MAX_KEY).contains(&key.chars().count()) && !key.contains(char::is_control)
    };
    given.as_str().filter(fits).ok_or(Refusal::Key(MAX_KEY))
}

/// Independent of the order of members.
fn digest(arguments: JsonObject) -> String {
    let mut arguments = Value::Object(arguments);
    arguments.sort_all_objects();
    let digest = Sha256::digest(arguments.to_string());
    format!("{:x}", Bytes::copy_from_slice(&digest))
}
