//! The file of API keys, `API_KEYS_FILE`: who may come in, with hashes instead of keys.

use std::collections::HashSet;

use base::domain::{Caller, Owner, Scope};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::key_limits::KeyLimits;
use super::key_text::{Hash, read_hash};

/// More than an operator would keep in a file.
const MAX_KEYS: usize = 10_000;

/// In characters.
const MAX_NAME: usize = 100;

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyFile {
    pub keys: Vec<KeyEntry>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyEntry {
    /// The part of the key by which it is found.
    pub id: String,
    /// For people.
    pub name: String,
    /// `sha256:` and the hash of the key's secret.
    pub hash: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub tenant: String,
    /// Keys of the same tenant and user share their threads.
    pub user: String,
    /// `chat` unless set.
    #[serde(default = "chat")]
    pub scopes: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created: Option<Timestamp>,
    /// Those that are not set are those for everybody.
    #[serde(default, skip_serializing_if = "KeyLimits::are_none")]
    pub limits: KeyLimits,
}

/// Everything that is wrong with a file of keys. Contains no value of it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.join("; "))]
pub struct InvalidKeys(pub Vec<String>);

/// An entry that was checked.
#[derive(Debug)]
pub(super) struct KnownKey {
    pub(super) id: String,
    pub(super) hash: Hash,
    pub(super) caller: Caller,
}

impl KeyFile {
    /// Reads a file of keys and checks it.
    pub fn read(json: &str) -> Result<Self, InvalidKeys> {
        let file: Self = serde_json::from_str(json).map_err(|error| {
            // serde quotes what it found; the place is enough.
            let (line, column) = (error.line(), error.column());
            InvalidKeys(vec![format!(
                "it is not {{\"keys\": [{{\"id\", \"name\", \"hash\", \"user\", \"tenant\"?, \"scopes\"?, \"limits\"?, \"created\"?}}]}} (line {line}, column {column})"
            )])
        })?;
        file.known().map(|_| file)
    }

    /// The checked entries, or all faults.
    pub(super) fn known(&self) -> Result<Vec<KnownKey>, InvalidKeys> {
        let (mut known, mut faults) = (Vec::new(), Vec::new());
        let (mut ids, mut names) = (HashSet::new(), HashSet::new());
        if self.keys.len() > MAX_KEYS {
            return Err(InvalidKeys(vec![format!("there are more than {MAX_KEYS} keys")]));
        }
        for (place, entry) in (1..).zip(&self.keys) {
            let fault = |what: &'static str| format!("key {place}: {what}");
            if !ids.insert(&entry.id) {
                faults.push(fault("its id is there twice"));
            }
            if !names.insert(&entry.name) {
                faults.push(fault("its name is there twice"));
            }
            match entry.known() {
                Ok(key) => known.push(key),
                Err(found) => faults.extend(found.into_iter().map(fault)),
            }
        }
        if faults.is_empty() { Ok(known) } else { Err(InvalidKeys(faults)) }
    }
}

impl KeyEntry {
    fn known(&self) -> Result<KnownKey, Vec<&'static str>> {
        let mut faults = Vec::new();
        let mut check = |is_fine: bool, what| {
            if !is_fine {
                faults.push(what);
            }
        };
        let is_id = |c: char| c.is_ascii_alphanumeric();
        let is_plain = !self.name.contains(char::is_control) && self.name.trim() == self.name;
        let is_named = is_plain && (1..=MAX_NAME).contains(&self.name.chars().count());
        let scopes: Vec<_> = self.scopes.iter().map(|name| Scope::named(name)).collect();
        check(
            !self.id.is_empty() && self.id.chars().all(is_id),
            "its id is not letters and digits",
        );
        check(
            is_named,
            "its name must have 1 to 100 characters, none of them invisible, and no space around it",
        );
        check(!scopes.contains(&None), "its scopes are not all chat or operate");
        let hash = read_hash(&self.hash);
        check(hash.is_some(), "its hash is not sha256: and 64 hexadecimal digits");
        let owner = Owner::user(&self.tenant, &self.user);
        check(owner.is_some(), "its tenant or user is no name (a tenant has no slash)");
        let limits = self.limits.checked();
        check(limits.is_some(), LIMITS);
        match (hash, owner, limits) {
            (Some(hash), Some(owner), Some(limits)) if faults.is_empty() => {
                let scopes: Vec<_> = scopes.into_iter().flatten().collect();
                let caller = Caller::new(owner, &scopes).with_limits(limits);
                Ok(KnownKey { id: self.id.clone(), hash, caller })
            }
            _ => Err(faults),
        }
    }
}

const LIMITS: &str = "its limits are not possible: turns_per_minute and turns_at_once are whole \
    numbers from 1 to 1000000, tokens_per_day from 1 to 1000000000000, and cost_usd_per_day is an \
    amount of dollars from 0.0001 to 1000000, with at most nine decimals";

fn chat() -> Vec<String> {
    vec!["chat".to_owned()]
}
