//! Images of tools, recognised by their bytes.

use std::fmt;
use std::sync::Arc;

/// An image that a tool returned. Its bytes are of its kind, whatever the tool said. Clones share them.
#[derive(Clone, PartialEq, Eq)]
pub struct ToolImage {
    kind: ImageKind,
    /// Of the image itself.
    bytes: usize,
    /// As a `data:` URL, which is what models and pages take.
    url: Arc<str>,
}

/// Kinds that every browser shows, and that cannot act: no SVG.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImageKind {
    Png,
    Jpeg,
    Webp,
    Gif,
}

impl ToolImage {
    /// `None` if it is not one of these kinds, or not base64.
    pub fn read(base64: &str) -> Option<Self> {
        let kind = ImageKind::of(base64).filter(|_| is_base64(base64))?;
        let bytes = base64.trim_end_matches('=').len() * 3 / 4;
        let url = format!("data:{};base64,{base64}", kind.name());
        Some(Self { kind, bytes, url: url.into() })
    }

    pub const fn kind(&self) -> ImageKind {
        self.kind
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    pub const fn bytes(&self) -> usize {
        self.bytes
    }
}

impl ImageKind {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Png => "image/png",
            Self::Jpeg => "image/jpeg",
            Self::Webp => "image/webp",
            Self::Gif => "image/gif",
        }
    }

    /// By the first bytes: in base64 they are always the same letters.
    fn of(base64: &str) -> Option<Self> {
        let begins = |with: &str| base64.starts_with(with);
        if begins("iVBORw0KGgo") {
            Some(Self::Png)
        } else if begins("/9j/") {
            Some(Self::Jpeg)
        } else if begins("R0lGODdh") || begins("R0lGODlh") {
            Some(Self::Gif)
        } else {
            // Four bytes with its length are between "RIFF" and "WEBP".
            (begins("UklGR") && base64.get(11..16) == Some("XRUJQ")).then_some(Self::Webp)
        }
    }
}

/// Without its bytes.
impl fmt::Debug for ToolImage {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "ToolImage({:?}, {} bytes)", self.kind, self.bytes())
    }
}

/// Nothing in it can end the URL that it stands in.
fn is_base64(text: &str) -> bool {
    let letters = text.trim_end_matches('=');
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
    text.len().is_multiple_of(4)
        && text.len() - letters.len() <= 2
        && letters.bytes().all(is_letter)
}
