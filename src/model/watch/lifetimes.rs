//! Models whose end is announced: what to do before that day, and who answers after it.

use jiff::civil::{Date, date};

use crate::model::settings::Settings;

struct Lifetime {
    model: &'static str,
    /// From this day on the successor answers.
    ends: Date,
    successor: &'static str,
}

/// Wherever a model is asked for: gateways serve it as long as its maker does.
const ANNOUNCED: &[Lifetime] = &[Lifetime {
    model: "gemini-2.5-flash",
    ends: date(2026, 12, 1),
    successor: "gemini-3.5-flash-lite",
}];

/// Who is named to answer in a model's place.
pub(in crate::model) fn successor_of(model: &str) -> Option<&'static str> {
    known(model).map(|known| known.successor)
}

/// What the operator should know of the model's end on this day.
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
