//! The two families of servers: what each accepts beyond the common form, and what it refuses.

use base::domain::ImageKind;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProviderFamily {
    /// Google: its own part of the body, and signed calls.
    Gemini,
    /// All others.
    OpenAi,
}

impl ProviderFamily {
    /// A guess from the model's name and address, for when the operator set no dialect.
    pub fn guess(model: &str, base_url: &str) -> Self {
        let is_googles = model.contains("gemini-") || base_url.contains(".googleapis.com");
        if is_googles { Self::Gemini } else { Self::OpenAi }
    }

    /// Google takes no moving images.
    pub const fn takes_images_of(self, kind: ImageKind) -> bool {
        match self {
            Self::Gemini => !matches!(kind, ImageKind::Gif),
            Self::OpenAi => true,
        }
    }

    pub const fn name(self) -> &'static str {
        match self {
            Self::Gemini => "gemini",
            Self::OpenAi => "openai",
        }
    }

    pub fn named(name: &str) -> Option<Self> {
        match name {
            "gemini" => Some(Self::Gemini),
            "openai" => Some(Self::OpenAi),
            _ => None,
        }
    }
}
