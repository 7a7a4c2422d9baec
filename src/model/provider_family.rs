//! Which of two families a server belongs to: what it takes beyond the common form, and what it refuses.

/// The family of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProviderFamily {
    /// Google's: a part of the body of its own, and signed calls.
    Gemini,
    /// Everybody else's.
    OpenAi,
}

impl ProviderFamily {
    /// What a model's name and address suggest.
    pub fn guess(model: &str, base_url: &str) -> Self {
        let is_googles = model.contains("gemini-") || base_url.contains(".googleapis.com");
        if is_googles { Self::Gemini } else { Self::OpenAi }
    }

    /// What settings call it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Gemini => "gemini",
            Self::OpenAi => "openai",
        }
    }

    /// The family of that name in settings.
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "gemini" => Some(Self::Gemini),
            "openai" => Some(Self::OpenAi),
            _ => None,
        }
    }
}
