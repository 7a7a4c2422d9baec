//! The environment: a whole configuration, or every fault by the name of its variable.

use std::path::Path;

use orchestrator::config::{Config, Env, VARIABLES};
use orchestrator::observability::LogFormat;

use super::assert_no_secret;

/// Variables that name a file: here a value is what the file contains.
const FILES: [&str; 4] = ["API_KEYS_FILE", "MCP_CONFIG", "MODEL_PRICES", "TODO_TOKENS_FILE"];

/// Each line sets a variable: its first byte chooses which, the rest is the value.
pub(crate) fn judge(input: &[u8]) {
    let folder = tempfile::tempdir().unwrap();
    let lines = input.split(|it| *it == b'\n').filter_map(|line| line.split_first());
    let values: Vec<_> =
        lines.map(|(which, value)| variable(*which, value, folder.path())).collect();
    let env = Env::of(values.iter().map(|(name, value)| (*name, &**value)));
    if let Err(faults) = Config::load(env, LogFormat::Json) {
        let told = faults.to_string();
        // A list may give its entries any names, and a fault says which entry it is in.
        if !values.iter().any(|(name, _)| FILES.contains(name) || *name == "MODEL_FALLBACKS") {
            assert_no_secret(&told);
        }
        assert!(VARIABLES.iter().any(|it| told.contains(it.name)), "{told}");
    }
}

fn variable(which: u8, value: &[u8], folder: &Path) -> (&'static str, String) {
    let name = VARIABLES[usize::from(which) % VARIABLES.len()].name;
    if FILES.contains(&name) {
        let path = folder.join(name);
        std::fs::write(&path, value).unwrap();
        return (name, path.to_str().unwrap().to_owned());
    }
    (name, String::from_utf8_lossy(value).into_owned())
}
