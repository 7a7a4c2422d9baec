//! The only reader of the environment. It collects all faults before it reports them.

use std::collections::HashMap;
use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

use super::variables::{Preset, Variable};
use crate::domain::Secret;
use crate::mcp::Variables;

/// In seconds: longer than anything here should take.
const MAX_SECONDS: f64 = 86_400.0;

/// The variables, and the faults found so far.
#[derive(Debug, Default)]
pub struct Env {
    values: HashMap<String, Result<String, NotUnicode>>,
    faults: Vec<String>,
}

#[derive(Clone, Copy, Debug)]
struct NotUnicode;

/// Everything that is wrong with the environment. It contains no value: that may be a key.
#[derive(Debug, PartialEq, Eq)]
pub struct ConfigError(Vec<String>);

impl Env {
    #[expect(clippy::disallowed_methods, reason = "this is the one reader")]
    pub fn of_process() -> Self {
        let named = std::env::vars_os().filter_map(|(name, value)| {
            Some((name.into_string().ok()?, value.into_string().map_err(|_| NotUnicode)))
        });
        Self { values: named.collect(), faults: Vec::new() }
    }

    /// An environment from a list.
    pub fn of<'a>(values: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let own = |(name, value): (&str, &str)| (name.to_owned(), Ok(value.to_owned()));
        Self { values: values.into_iter().map(own).collect(), faults: Vec::new() }
    }

    /// All that are set, for texts of the operator's that refer to them.
    pub(super) fn variables(&self) -> Variables {
        let readable = |(name, value): (&String, &Result<String, NotUnicode>)| {
            Some((name.clone(), Secret::new(value.as_deref().ok()?.trim())))
        };
        self.values.iter().filter_map(readable).collect()
    }

    /// A text as it is set, otherwise its default.
    pub fn text(&mut self, variable: &Variable) -> Option<String> {
        let preset = match variable.preset {
            Preset::Value(text) => Some(text.to_owned()),
            Preset::Unset | Preset::Words(_) => None,
        };
        self.named(variable.name).or(preset)
    }

    /// The same, under any name. Empty counts as unset.
    pub fn named(&mut self, name: &str) -> Option<String> {
        let Ok(text) = self.values.get(name)? else {
            self.fault(name, "is not valid Unicode");
            return None;
        };
        Some(text.trim().to_owned()).filter(|text| !text.is_empty())
    }

    pub fn number(&mut self, variable: &Variable, range: RangeInclusive<u64>) -> u64 {
        let (low, high) = (range.start(), range.end());
        let expected = format!("must be a whole number from {low} to {high}");
        // After a fault the value is not used: `read` fails.
        self.parsed(variable, &expected, |number| range.contains(number)).unwrap_or(*low)
    }

    /// In seconds, above 0; fractions are allowed.
    pub fn seconds(&mut self, variable: &Variable) -> Duration {
        let expected = "must be a number of seconds above 0, at most 86400";
        let is_fine = |&seconds: &f64| seconds > 0.0 && seconds <= MAX_SECONDS;
        self.parsed(variable, expected, is_fine).map_or(Duration::ZERO, Duration::from_secs_f64)
    }

    /// In seconds; 0 is allowed.
    pub fn seconds_or_none(&mut self, variable: &Variable) -> Duration {
        let expected = "must be a number of seconds from 0 to 86400";
        let is_fine = |seconds: &f64| (0.0..=MAX_SECONDS).contains(seconds);
        self.parsed(variable, expected, is_fine).map_or(Duration::ZERO, Duration::from_secs_f64)
    }

    /// A value of a type that is parsed from text.
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

    /// One of several words, each with its meaning.
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

    pub fn fault(&mut self, name: &str, what: impl fmt::Display) {
        let fault = format!("{name} {what}");
        // A variable may be read more than once.
        if !self.faults.contains(&fault) {
            self.faults.push(fault);
        }
    }

    /// Reads what is needed, or fails with all faults at once.
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
