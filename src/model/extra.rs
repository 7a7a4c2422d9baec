//! What a provider attaches to a text or a call: stored unread and sent back unchanged, because
//! newer models refuse a turn whose signature is missing or changed (ADR 2).

use std::borrow::Cow;

use serde::Serialize;
use serde_json::{Map, Value, json};

/// Where `LiteLLM` puts what Google has in `extra_content`. Stored under this name inside of it.
const GATEWAYS: &str = "provider_specific_fields";
/// `LiteLLM`'s mark of a signature that it packed into the id of a call.
const PACKED: &str = "__thought__";

#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Extra<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    extra_content: Option<Cow<'a, Value>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    provider_specific_fields: Option<&'a Value>,
}

pub(super) fn take(entry: &mut Value) -> Option<Value> {
    let extra = entry.get_mut("extra_content").map(Value::take).filter(|extra| !extra.is_null());
    // A gateway puts other things there too, such as citations, and does not want them back.
    let fields = entry.get_mut(GATEWAYS).filter(|fields| holds_signature(fields)).map(Value::take);
    let Some(fields) = fields else { return extra };
    let mut kept = if let Some(Value::Object(kept)) = extra { kept } else { Map::new() };
    kept.insert(GATEWAYS.to_owned(), fields);
    Some(Value::Object(kept))
}

impl<'a> Extra<'a> {
    /// Sends extras back under the names with which they came.
    pub(super) fn echo(kept: Option<&'a Value>) -> Self {
        let Some(fields) = kept.and_then(|kept| kept.get(GATEWAYS)) else {
            return Self { extra_content: kept.map(Cow::Borrowed), ..Self::default() };
        };
        let others = kept.and_then(Value::as_object).into_iter().flatten();
        let others = others.filter(|(key, _)| *key != GATEWAYS);
        let others: Map<_, _> = others.map(|(key, value)| (key.clone(), value.clone())).collect();
        let others = Some(others).filter(|others| !others.is_empty());
        Self {
            extra_content: others.map(|others| Cow::Owned(Value::Object(others))),
            provider_specific_fields: Some(fields),
        }
    }

    /// What Google accepts for a call that another model made, or that has no signature.
    pub(super) fn stand_in() -> Self {
        let stand_in = json!({"google": {"thought_signature": "skip_thought_signature_validator"}});
        Self { extra_content: Some(Cow::Owned(stand_in)), ..Self::default() }
    }
}

/// Whether a call has its signature, in its extras or in its id.
pub(super) fn is_signed(id: &str, kept: Option<&Value>) -> bool {
    let signed = |kept: &Value| {
        kept.pointer("/google/thought_signature").is_some() || kept.get(GATEWAYS).is_some()
    };
    kept.is_some_and(signed) || id.contains(PACKED)
}

fn holds_signature(fields: &Value) -> bool {
    let mut keys = fields.as_object().into_iter().flat_map(Map::keys);
    keys.any(|key| key.starts_with("thought_signature"))
}
