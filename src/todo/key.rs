//! The key under which a caller may repeat a call without having it done twice.

use bytes::Bytes;
use rmcp::ErrorData;
use rmcp::handler::server::common::FromContextPart;
use rmcp::handler::server::tool::ToolCallContext;
use rmcp::model::{JsonObject, MetaObject};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::refusal::Refusal;

/// How long a key is remembered.
pub(super) const KEEP_HOURS: i64 = 24;
/// Characters of a key.
pub(super) const MAX_KEY: usize = 200;

/// Where a call carries its key.
const KEY: &str = "orchestrator/idempotency-key";
/// Where a tool says that it honours keys.
const MARK: &str = "orchestrator/idempotency";

/// A call that is known again when it is repeated.
#[derive(Debug)]
pub(super) struct Key {
    pub(super) text: String,
    pub(super) tool: String,
    /// A digest: what is compared only needs no second copy of somebody's words.
    pub(super) arguments: String,
}

/// The key of a call, if it has one.
pub(super) struct GivenKey(pub(super) Result<Option<Key>, Refusal>);

/// What a tool's listing says of keys.
pub(super) fn mark() -> MetaObject {
    let mut meta = MetaObject::new();
    meta.0.insert(MARK.to_owned(), json!({ "keep_hours": KEEP_HOURS }));
    meta
}

/// Must stand before the arguments in a tool's signature, since those are taken out of the context.
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
    // PostgreSQL keeps no NUL, and no honest key has a control character.
    let fits = |key: &&str| {
        (1..=MAX_KEY).contains(&key.chars().count()) && !key.contains(char::is_control)
    };
    given.as_str().filter(fits).ok_or(Refusal::Key(MAX_KEY))
}

/// The same for the same arguments, in whatever order they are written.
fn digest(arguments: JsonObject) -> String {
    let mut arguments = Value::Object(arguments);
    arguments.sort_all_objects();
    let digest = Sha256::digest(arguments.to_string());
    format!("{:x}", Bytes::copy_from_slice(&digest))
}
