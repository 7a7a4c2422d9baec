//! Announced shutdowns of models, and their successors.

use jiff::civil::{Date, date};

use crate::settings::Settings;

struct Lifetime {
    model: &'static str,
    /// The first day on which the successor answers.
    ends: Date,
    successor: &'static str,
}

/// Applies whatever the base URL, because gateways serve Google's models under Google's names
/// (ADR 17).
const ANNOUNCED: &[Lifetime] = &[Lifetime {
    model: "gemini-2.5-flash",
    ends: date(2026, 12, 1),
    successor: "gemini-3.5-flash-lite",
}];

pub(crate) fn successor_of(model: &str) -> Option<&'static str> {
    known(model).map(|known| known.successor)
}

/// The warning for this day.
pub fn announced_end(settings: &Settings, today: Date) -> Option<String> {
    let Lifetime { model, ends, successor } = known(&settings.model)?;
    let remedy = match &settings.name {
        None => format!("set GEMINI_MODEL={successor}"),
        Some(name) => format!("set the model of {name} in MODEL_FALLBACKS to {successor}"),
    };
    Some(if today < *ends {
        format!("{model} is announced to end on {ends}: {remedy}.")
    } else {
        format!("{model} ended on {ends}; requests are answered by {successor}: {remedy}.")
    })
}

fn known(model: &str) -> Option<&'static Lifetime> {
    let bare = model.rsplit('/').next().unwrap_or_default();
    ANNOUNCED.iter().find(|known| known.model == bare)
}
