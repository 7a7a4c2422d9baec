//! Sources of an answer's text, in ChatKit's JSON.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename = "annotation")]
pub struct Annotation {
    pub source: Source,
    /// In characters of the text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub index: Option<u32>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Source {
    /// As people read it.
    pub title: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// When the source was written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timestamp: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    #[serde(flatten)]
    pub kind: SourceKind,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum SourceKind {
    Url {
        url: String,
        /// The author.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        attribution: Option<String>,
    },
    File {
        filename: String,
    },
    /// Something that the front end knows.
    Entity {
        id: String,
        /// A name from ChatKit's closed list.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        icon: Option<String>,
        /// Shown next to the source.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        label: Option<String>,
        /// Shown in the text.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        inline_label: Option<String>,
        #[serde(default)]
        interactive: bool,
        /// For the front end; passed through unread.
        #[serde(default)]
        data: Map<String, Value>,
    },
}
