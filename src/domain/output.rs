//! What a tool gives: the text that the model reads, and all else that came with it.

use serde_json::Value;

use super::ToolOrigin;

/// What a tool gave. Whoever reads it in bounds it.
#[derive(Clone, Debug, PartialEq)]
pub struct ToolOutput {
    /// What the model reads.
    pub text: String,
    /// The same as data, if the tool gave it so.
    pub structured: Option<Value>,
    /// Things that it points at.
    pub links: Vec<ToolLink>,
    /// Pictures that it gave.
    pub images: Vec<ToolImage>,
    /// The tool.
    pub origin: ToolOrigin,
}

/// Something that a tool points at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToolLink {
    /// Where it is, by the word of the tool.
    pub uri: String,
    /// What it is called.
    pub name: String,
    /// What kind of thing it is.
    pub mime_type: Option<String>,
}

/// A picture that a tool gave. Nobody shows it yet, so only its measure is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToolImage {
    /// What kind of picture.
    pub mime_type: String,
    /// How large it is.
    pub bytes: usize,
}

impl ToolOutput {
    /// Nothing but text.
    pub const fn plain(text: String, origin: ToolOrigin) -> Self {
        Self { text, structured: None, links: Vec::new(), images: Vec::new(), origin }
    }
}
