//! Reads JSON as a form. A fault is reported with its place and without its value.

use std::fmt::{self, Formatter};
use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use serde_path_to_error::{Path, Segment, Track};

use super::super::error::{ApiError, BrokenRule};

/// In bytes: longer names of unknown fields are not repeated.
const MAX_NAME: usize = 64;

/// Reads an object of this form; `place` is its JSON pointer in the body.
pub(crate) fn form<T: for<'de> Deserialize<'de>>(
    place: &str,
    value: &Value,
) -> Result<T, ApiError> {
    // Most bodies have the right form, and tracking the place doubles the cost of reading.
    object(value).or_else(|_: serde_json::Error| tracked(place, value))
}

fn tracked<'de, T: Deserialize<'de>>(place: &str, value: &'de Value) -> Result<T, ApiError> {
    let mut track = Track::new();
    let read = object(serde_path_to_error::Deserializer::new(value, &mut track));
    read.map_err(|error: serde_json::Error| {
        let place = format!("{place}{}", pointer(&track.path()));
        ApiError::WrongForm(rule(place, &error.to_string()))
    })
}

/// serde would also accept a list, and read it by position.
pub(crate) fn object<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    input: D,
) -> Result<T, D::Error> {
    input.deserialize_map(FormMembers(PhantomData))
}

struct FormMembers<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for FormMembers<T> {
    type Value = T;

    fn expecting(&self, out: &mut Formatter<'_>) -> fmt::Result {
        out.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<T, A::Error> {
        T::deserialize(MapAccessDeserializer::new(members))
    }
}

/// A name that only the client knows may be any text, so the pointer ends before it.
fn pointer(path: &Path) -> String {
    let is_told = |segment: &&Segment| !matches!(segment, Segment::Map { key } if !is_plain(key));
    let part = |segment: &Segment| match segment {
        Segment::Seq { index } => Some(format!("/{index}")),
        Segment::Map { key } => Some(format!("/{key}")),
        Segment::Enum { .. } | Segment::Unknown => None,
    };
    path.iter().take_while(is_told).filter_map(part).collect()
}

pub(super) fn is_plain(name: &str) -> bool {
    let fine = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    (1..=MAX_NAME).contains(&name.len()) && name.chars().all(fine)
}

/// Whether serde names an object by a type of this program.
fn is_ours(expected: &str) -> bool {
    ["struct ", "internally tagged enum "].iter().any(|it| expected.starts_with(it))
}

/// serde quotes what it found. Only our own names, and the expectation at the end, may pass.
fn rule(place: String, error: &str) -> BrokenRule {
    if let Some(field) = error.strip_prefix("missing field `").and_then(|it| it.split('`').next()) {
        let message = format!("The field {field} is missing.");
        return BrokenRule::new(format!("{place}/{field}"), "missing", message);
    }
    let expected = error.rsplit_once("expected ").map(|(_, expected)| expected.replace('`', ""));
    let (code, message) = match expected {
        Some(names) if error.starts_with("unknown field") => {
            ("unknown_field", format!("There is no such field; expected {names}."))
        }
        Some(expected) if expected == "a map" || is_ours(&expected) => {
            ("wrong_kind", "Something else was found where an object is expected.".to_owned())
        }
        Some(expected) => {
            ("wrong_kind", format!("Something else was found where {expected} is expected."))
        }
        None => ("wrong_kind", "The value is of the wrong kind.".to_owned()),
    };
    BrokenRule::new(place, code, message)
}
