//! What a tool returns: the text that the model reads, and everything else.

use serde_json::Value;

use super::{ToolImage, ToolOrigin};

/// The adapter that reads it limits each part (ADR 1).
#[derive(Clone, Debug, PartialEq)]
pub struct ToolOutput {
    /// What the model reads.
    pub text: String,
    /// The same as data, if the tool returned any.
    pub structured: Option<Value>,
    pub links: Vec<ToolLink>,
    pub images: Vec<ToolImage>,
    /// Content that nobody is shown, in words: its type and its size.
    pub unshown: Vec<String>,
    /// Which tool it was.
    pub origin: ToolOrigin,
}

/// A resource that a tool points at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToolLink {
    /// As the tool wrote it; not checked.
    pub uri: String,
    pub name: String,
    pub mime_type: Option<String>,
}

impl ToolOutput {
    /// Text only.
    pub fn plain(text: String, origin: ToolOrigin) -> Self {
        let (links, images, unshown) = (Vec::new(), Vec::new(), Vec::new());
        Self { text, structured: None, links, images, unshown, origin }
    }
}
