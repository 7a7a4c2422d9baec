//! The sole reader of the environment; it collects every fault before it complains.

use std::collections::HashMap;
use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

use super::variables::{Preset, Variable};

/// Longer than anything here should take.
const MAX_SECONDS: f64 = 86_400.0;

/// The variables, and what was found wrong with them so far.
#[derive(Debug, Default)]
pub struct Env {
    values: HashMap<String, Result<String, NotUnicode>>,
    faults: Vec<String>,
}

#[derive(Clone, Copy, Debug)]
struct NotUnicode;

/// Everything that is wrong with the environment. It never carries a value.
#[derive(Debug, PartialEq, Eq)]
pub struct ConfigError(Vec<String>);

impl Env {
    /// The process's own environment.
    #[expect(clippy::disallowed_methods, reason = "this is the one reader")]
    pub fn of_process() -> Self {
        let named = std::env::vars_os().filter_map(|(name, value)| {
            Some((name.into_string().ok()?, value.into_string().map_err(|_| NotUnicode)))
        });
        Self { values: named.collect(), faults: Vec::new() }
    }

    /// An environment made by hand.
    pub fn of<'a>(values: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let own = |(name, value): (&str, &str)| (name.to_owned(), Ok(value.to_owned()));
        Self { values: values.into_iter().map(own).collect(), faults: Vec::new() }
    }

    /// A text as it is set, or else its preset.
    pub fn text(&mut self, variable: &Variable) -> Option<String> {
        let preset = match variable.preset {
            Preset::Value(text) => Some(text.to_owned()),
            Preset::Unset | Preset::Words(_) => None,
        };
        self.named(variable.name).or(preset)
    }

    /// The same, under any name; set but empty is as good as unset.
    pub fn named(&mut self, name: &str) -> Option<String> {
        let Ok(text) = self.values.get(name)? else {
            self.fault(name, "is not valid Unicode");
            return None;
        };
        Some(text.trim().to_owned()).filter(|text| !text.is_empty())
    }

    /// A whole number.
    pub fn number(&mut self, variable: &Variable, range: RangeInclusive<u64>) -> u64 {
        let (low, high) = (range.start(), range.end());
        let expected = format!("must be a whole number from {low} to {high}");
        self.parsed(variable, &expected, |number| range.contains(number)).unwrap_or(*low)
    }

    /// A time in seconds; fractions are allowed.
    pub fn seconds(&mut self, variable: &Variable) -> Duration {
        let expected = "must be a number of seconds above 0, at most 86400";
        let is_fine = |&seconds: &f64| seconds > 0.0 && seconds <= MAX_SECONDS;
        self.parsed(variable, expected, is_fine).map_or(Duration::ZERO, Duration::from_secs_f64)
    }

    /// The same, or none.
    pub fn seconds_or_none(&mut self, variable: &Variable) -> Duration {
        let expected = "must be a number of seconds from 0 to 86400";
        let is_fine = |seconds: &f64| (0.0..=MAX_SECONDS).contains(seconds);
        self.parsed(variable, expected, is_fine).map_or(Duration::ZERO, Duration::from_secs_f64)
    }

    /// A value of a type that reads itself from text.
    pub fn parsed<T: FromStr>(
        &mut self,
        variable: &Variable,
        expected: &str,
        is_fine: impl Fn(&T) -> bool,
    ) -> Option<T> {
        let text = self.text(variable)?;
        let value = text.parse().ok().filter(is_fine);
        if value.is_none() {
            self.fault(variable.name, expected);
        }
        value
    }

    /// One of several words, each with what it means.
    pub fn word<T: Copy>(&mut self, variable: &Variable, words: &[(&str, T)]) -> Option<T> {
        let text = self.text(variable)?;
        let found = words.iter().find(|(word, _)| *word == text).map(|(_, meaning)| *meaning);
        if found.is_none() {
            let words: Vec<_> = words.iter().map(|(word, _)| *word).collect();
            let (last, others) = words.split_last().unwrap_or((&"", &[]));
            self.fault(variable.name, format!("must be {} or {last}", others.join(", ")));
        }
        found
    }

    /// Items separated by commas.
    pub fn list(&mut self, variable: &Variable) -> Vec<String> {
        let text = self.text(variable).unwrap_or_default();
        let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
        items.map(str::to_owned).collect()
    }

    /// Notes that a variable is wrong.
    pub fn fault(&mut self, name: &str, what: impl fmt::Display) {
        let fault = format!("{name} {what}");
        if !self.faults.contains(&fault) {
            self.faults.push(fault);
        }
    }

    /// Reads what is needed, and complains if anything in it was wrong.
    pub fn read<T>(mut self, read: impl FnOnce(&mut Self) -> T) -> Result<T, ConfigError> {
        let value = read(&mut self);
        if self.faults.is_empty() { Ok(value) } else { Err(ConfigError(self.faults)) }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("The configuration has faults:")?;
        self.0.iter().try_for_each(|fault| write!(out, "\n  - {fault}"))?;
        out.write_str(
            "\nPut them right and start again; `orchestrator --help` lists all variables.",
        )
    }
}

impl std::error::Error for ConfigError {}
