//! Variables that name a file.

use std::fmt::Display;

use super::env::Env;
use super::variables::Variable;

/// What the file of a variable contains; `None` if it has faults, which are noted.
pub(super) fn of_file<T, E: Display>(
    env: &mut Env,
    variable: &Variable,
    path: &str,
    read: impl Fn(&str) -> Result<T, E>,
) -> Option<T> {
    let text = std::fs::read_to_string(path);
    let text = text.map_err(|error| format!("names a file that cannot be read: {error}"));
    let found = text.and_then(|text| {
        read(&text).map_err(|faults| format!("names a file with faults: {faults}"))
    });
    found.map_err(|what| env.fault(variable.name, what)).ok()
}
