//! Timing and flags of an emulated answer, read from `name=value,name`.

use std::collections::BTreeSet;
use std::str::FromStr;
use std::time::Duration;

use thiserror::Error;

use super::emulated_server::EmulatedServer;
use crate::wire::pace::Pace;
use crate::wire::phrases::Chars;
use crate::wire::reply::Parallel;

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Knobs {
    /// `ttft`, `ttft_p95` and `chunk` in milliseconds, `jitter`, `split` and `coalesce`.
    pub pace: Pace,
    /// How parallel calls are written (`parallel`).
    pub parallel: Parallel,
    /// The server whose format is used (`dialect`).
    pub dialect: EmulatedServer,
    /// The length of a chunk of text (`chars`).
    pub chars: Option<Chars>,
    pub flags: BTreeSet<Flag>,
}

/// Off unless named.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Flag {
    /// The key is too new for gemini-2.5-flash (`new_key`).
    NewKey,
    /// gemini-2.5-flash is answered by its successor (`after_2026_12_01`).
    AfterShutdown,
    /// A tool message without `name` is refused (`require_tool_name`).
    RequireToolName,
    /// Tool schemas are not checked (`schema=lenient`).
    LenientSchema,
    /// No chunk has an id (`no_id=true`).
    NoId,
}

/// A knob that does not exist, or has a wrong value.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("there is no knob `{0}`")]
pub struct UnknownKnob(String);

/// Gemini's usual timing, for benchmarks.
const BENCH: &str = "ttft=450,ttft_p95=1600,chunk=70,chars=60-120";

const LONGEST_MS: u64 = 600_000;

impl Knobs {
    /// These knobs, changed by `text`.
    pub fn turned(mut self, text: &str) -> Result<Self, UnknownKnob> {
        for pair in text.split([',', '&']).map(str::trim).filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, "true"));
            self.turn(name, value).ok_or_else(|| UnknownKnob(pair.to_owned()))?;
        }
        Ok(self)
    }

    pub fn has(&self, flag: Flag) -> bool {
        self.flags.contains(&flag)
    }

    fn turn(&mut self, name: &str, value: &str) -> Option<()> {
        match name {
            "ttft" => self.pace.first = milliseconds(value)?,
            "chunk" => self.pace.gap = milliseconds(value)?,
            "jitter" => self.pace.jitter = value.parse::<f64>().ok()?.clamp(0.0, 1.0),
            "split" => self.pace.split = Some(value.parse().ok().filter(|size| *size > 0)?),
            "parallel" => self.parallel = parallel(value)?,
            "ttft_p95" => self.pace.first_late = Some(milliseconds(value)?),
            "chars" => self.chars = Some(chars(value)?),
            "bench" => *self = self.clone().turned(BENCH).ok().filter(|_| value == "true")?,
            "dialect" => self.dialect = EmulatedServer::named(value)?,
            "coalesce" => self.pace.coalesce = switch_of(value, "true", "false")? == Switch::On,
            "schema" => self.switch(Flag::LenientSchema, switch_of(value, "lenient", "strict")?),
            flag => self.switch(flag_named(flag)?, switch_of(value, "true", "false")?),
        }
        Some(())
    }

    fn switch(&mut self, flag: Flag, to: Switch) {
        match to {
            Switch::On => self.flags.insert(flag),
            Switch::Off => self.flags.remove(&flag),
        };
    }
}

impl FromStr for Knobs {
    type Err = UnknownKnob;

    fn from_str(text: &str) -> Result<Self, UnknownKnob> {
        Self::default().turned(text)
    }
}

#[derive(PartialEq, Eq)]
enum Switch {
    On,
    Off,
}

fn switch_of(value: &str, on: &str, off: &str) -> Option<Switch> {
    match value {
        value if value == on => Some(Switch::On),
        value if value == off => Some(Switch::Off),
        _ => None,
    }
}

fn flag_named(name: &str) -> Option<Flag> {
    match name {
        "new_key" => Some(Flag::NewKey),
        "after_2026_12_01" => Some(Flag::AfterShutdown),
        "require_tool_name" => Some(Flag::RequireToolName),
        "no_id" => Some(Flag::NoId),
        _ => None,
    }
}

/// `60-120`
fn chars(value: &str) -> Option<Chars> {
    let (least, most) = value.split_once('-')?;
    let chars = Chars { least: least.parse().ok()?, most: most.parse().ok()? };
    Some(chars).filter(|chars| 0 < chars.least && chars.least <= chars.most)
}

fn parallel(value: &str) -> Option<Parallel> {
    match value {
        "seeded" => Some(Parallel::Seeded),
        "chunks" => Some(Parallel::Chunks),
        "one_delta" => Some(Parallel::OneDelta),
        _ => None,
    }
}

fn milliseconds(value: &str) -> Option<Duration> {
    value.parse::<u64>().ok().map(|ms| Duration::from_millis(ms.min(LONGEST_MS)))
}
