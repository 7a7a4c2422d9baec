//! The emulated models and their differences.

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Profile {
    pub(crate) name: &'static str,
    pub(crate) generation: Generation,
    /// Allowed values of `reasoning_effort`.
    pub(crate) efforts: &'static [&'static str],
    /// Its default.
    usual_effort: &'static str,
}

/// Decides the form of a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Generation {
    /// Calls come together with `finish_reason`; signatures are optional.
    Two,
    /// Calls have signatures that must come back; a last chunk says `stop`.
    Three,
}

/// The old default, used for unknown names.
pub(crate) const FLASH_2_5: Profile = Profile {
    name: "gemini-2.5-flash",
    generation: Generation::Two,
    efforts: &["high", "low", "medium", "none"],
    usual_effort: "medium",
};

/// The successor of [`FLASH_2_5`] from 2026-12-01.
pub(crate) const FLASH_LITE_3_5: Profile = Profile {
    name: "gemini-3.5-flash-lite",
    generation: Generation::Three,
    efforts: &["high", "low", "medium", "minimal"],
    usual_effort: "minimal",
};

pub(crate) const PROFILES: &[Profile] = &[
    FLASH_2_5,
    Profile { name: "gemini-2.5-flash-lite", ..FLASH_2_5 },
    FLASH_LITE_3_5,
    Profile {
        name: "gemini-3.8-flash",
        generation: Generation::Three,
        efforts: &["high", "low", "medium"],
        usual_effort: "medium",
    },
];

impl Profile {
    /// Most tokens of thinking for an effort.
    pub(crate) fn most_thought(&self, effort: Option<&str>) -> u64 {
        match effort.unwrap_or(self.usual_effort) {
            "none" => 0,
            "minimal" => 40,
            "low" => 150,
            "high" => 1_600,
            _ => 400,
        }
    }
}

/// With or without `models/`.
pub(crate) fn find(name: &str) -> Option<&'static Profile> {
    let bare = name.strip_prefix("models/").unwrap_or(name);
    PROFILES.iter().find(|profile| profile.name == bare)
}
