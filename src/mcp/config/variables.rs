//! `${NAME}` and `${NAME:-default}` in the texts of the file, as other clients of MCP write them.

use std::collections::HashMap;

use base::domain::Secret;

/// The longest text that Linux passes to a program.
const MAX_BYTES: usize = 128 * 1024;

const NO_NAME: &str =
    "has a ${ that begins no variable; write ${NAME} or ${NAME:-default}, of letters, digits and _";
const TOO_LONG: &str = "is too long with its variables; use shorter ones";

/// The environment of the process. What is set but empty is as good as unset.
#[derive(Clone, Debug, Default)]
pub struct Variables(HashMap<String, Secret>);

impl FromIterator<(String, Secret)> for Variables {
    fn from_iter<T: IntoIterator<Item = (String, Secret)>>(variables: T) -> Self {
        Self(variables.into_iter().filter(|(_, value)| !value.expose().is_empty()).collect())
    }
}

impl Variables {
    /// The text with each variable replaced, or what is wrong with it. What a variable contains is
    /// not read again.
    pub(super) fn fill_in(&self, text: &str) -> Result<String, String> {
        let (mut filled, mut rest) = (String::new(), text);
        while let Some((before, after)) = rest.split_once("${") {
            let (inside, behind) = after.split_once('}').ok_or(NO_NAME)?;
            filled.push_str(before);
            filled.push_str(self.value_of(inside)?);
            if filled.len() > MAX_BYTES {
                return Err(TOO_LONG.to_owned());
            }
            rest = behind;
        }
        filled.push_str(rest);
        Ok(filled)
    }

    fn value_of<'a>(&'a self, inside: &'a str) -> Result<&'a str, String> {
        // `env:` is how some editors write the same.
        let inside = inside.strip_prefix("env:").unwrap_or(inside);
        let (name, default) = match inside.split_once(":-") {
            Some((name, default)) => (name, Some(default)),
            None => (inside, None),
        };
        if !is_name(name) {
            return Err(NO_NAME.to_owned());
        }
        let value = self.0.get(name).map(Secret::expose).or(default);
        value.ok_or_else(|| {
            format!(
                "needs the variable {name}, which is not set; set it, or write ${{{name}:-default}}"
            )
        })
    }
}

fn is_name(name: &str) -> bool {
    let fine = |c: char| c.is_ascii_alphanumeric() || c == '_';
    (1..=64).contains(&name.len())
        && name.chars().all(fine)
        && !name.starts_with(|c: char| c.is_ascii_digit())
}
