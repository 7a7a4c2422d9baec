//! Where words of an answer come from.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A mark in a text that names a source.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename = "annotation")]
pub struct Annotation {
    /// The source.
    pub source: Source,
    /// The position in the text, in characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub index: Option<u32>,
}

/// A source.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Source {
    /// What people read.
    pub title: String,
    /// More of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// When it was written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timestamp: Option<String>,
    /// The group it is shown in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// Which kind it is of.
    #[serde(flatten)]
    pub kind: SourceKind,
}

/// The kind of a source.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum SourceKind {
    /// A page of the web.
    Url {
        /// Its address.
        url: String,
        /// Who wrote it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        attribution: Option<String>,
    },
    /// A file.
    File {
        /// Its name.
        filename: String,
    },
    /// Something that the front end knows.
    Entity {
        /// Its name there.
        id: String,
        /// A name of the front end's closed list.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        icon: Option<String>,
        /// What stands beside it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        label: Option<String>,
        /// What stands in the text.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        inline_label: Option<String>,
        /// Whether it can be clicked.
        #[serde(default)]
        interactive: bool,
        /// What the front end is told of it.
        #[serde(default)]
        data: Map<String, Value>,
    },
}
