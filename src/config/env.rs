//! The sole reader of the environment; it collects every fault before it complains.

use std::collections::HashMap;
use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

/// The variables, and what was found wrong with them so far.
#[derive(Debug, Default)]
pub struct Env {
    values: HashMap<String, String>,
    faults: Vec<String>,
}

/// Everything that is wrong with the environment. It never carries a value.
#[derive(Debug, PartialEq, Eq)]
pub struct ConfigError(Vec<String>);

impl Env {
    /// The process's own environment. Values that are not Unicode count as faults.
    #[expect(clippy::disallowed_methods, reason = "this is the one reader")]
    pub fn of_process() -> Self {
        let mut env = Self::default();
        for (name, value) in std::env::vars_os() {
            let Ok(name) = name.into_string() else { continue };
            match value.into_string() {
                Ok(value) => drop(env.values.insert(name, value)),
                Err(_) if super::VARIABLES.iter().any(|known| known.name == name) => {
                    env.fault(&name, "is not valid Unicode");
                }
                Err(_) => {}
            }
        }
        env
    }

    /// An environment made by hand.
    pub fn of<'a>(values: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let own = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        Self { values: values.into_iter().map(own).collect(), faults: Vec::new() }
    }

    /// A text; set but empty is as good as unset.
    pub fn text(&self, name: &str) -> Option<String> {
        self.values.get(name).map(|value| value.trim().to_owned()).filter(|text| !text.is_empty())
    }

    /// A whole number.
    pub fn number(&mut self, name: &str, default: u64, range: RangeInclusive<u64>) -> u64 {
        let (low, high) = (range.start(), range.end());
        let expected = format!("must be a whole number from {low} to {high}");
        self.parsed(name, &expected, |number| range.contains(number)).unwrap_or(default)
    }

    /// A time in seconds; fractions are allowed.
    pub fn seconds(&mut self, name: &str, default: u64) -> Duration {
        const MAX: f64 = 86_400.0;
        let expected = "must be a number of seconds above 0, at most 86400";
        let seconds = self.parsed(name, expected, |&seconds: &f64| seconds > 0.0 && seconds <= MAX);
        seconds.map_or(Duration::from_secs(default), Duration::from_secs_f64)
    }

    /// A value of a type that reads itself from text.
    pub fn parsed<T: FromStr>(
        &mut self,
        name: &str,
        expected: &str,
        is_fine: impl Fn(&T) -> bool,
    ) -> Option<T> {
        let text = self.text(name)?;
        let value = text.parse().ok().filter(is_fine);
        if value.is_none() {
            self.fault(name, expected);
        }
        value
    }

    /// Items parted by commas.
    pub fn list(&self, name: &str) -> Vec<String> {
        let text = self.text(name).unwrap_or_default();
        let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
        items.map(str::to_owned).collect()
    }

    /// Notes that a variable is wrong.
    pub fn fault(&mut self, name: &str, what: impl fmt::Display) {
        self.faults.push(format!("{name} {what}"));
    }

    /// Complains if anything was wrong.
    pub fn finish(self) -> Result<(), ConfigError> {
        if self.faults.is_empty() { Ok(()) } else { Err(ConfigError(self.faults)) }
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
