//! The key with which a caller may repeat a call without a second effect (ADR 12).

use bytes::Bytes;
use rmcp::ErrorData;
use rmcp::handler::server::common::FromContextPart;
use rmcp::handler::server::tool::ToolCallContext;
use rmcp::model::{JsonObject, MetaObject};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::refusal::Refusal;

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

pub(super) struct GivenKey(pub(super) Result<Option<Key>, Refusal>);

pub(super) fn mark() -> MetaObject {
    let mut meta = MetaObject::new();
    meta.0.insert(MARK.to_owned(), json!({ "keep_hours": KEEP_HOURS }));
    meta
}

/// Must come before the arguments in a tool's signature: extracting those empties the context.
impl<S> FromContextPart<ToolCallContext<'_, S>> for GivenKey {
    fn from_context_part(context: &mut ToolCallContext<'_, S>) -> Result<Self, ErrorData> {
        let Some(given) = context.request_context.meta.0.0.get(KEY) else {
            return Ok(Self(Ok(None)));
        };
        let key = checked(given).map(|text| Key {
            text: text.to_owned(),
            tool: context.name.clone().into_owned(),
            arguments: digest(context.arguments.clone().unwrap_or_default()),
        });
        Ok(Self(key.map(Some)))
    }
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
