//! Keeps the arrows of `specs/plan.md` true: who may use whom.

use std::fs;
use std::path::{Path, PathBuf};

/// Each room, and the rooms it may use.
const MAY_USE: &[(&str, &[&str])] = &[
    ("hidden", &[]),
    ("domain", &["hidden"]),
    ("observability", &[]),
    ("resilience", &["domain"]),
    ("serving", &[]),
    ("agents", &["domain", "observability"]),
    ("chat", &["agents", "domain", "observability"]),
    ("streaming", &["chat", "domain", "resilience"]),
    ("model", &["agents", "domain", "resilience", "observability"]),
    ("mcp", &["agents", "domain", "resilience", "observability"]),
    ("store", &["chat", "domain", "resilience", "observability"]),
    ("todo", &["hidden", "observability", "serving"]),
    ("demo", &["observability"]),
    ("web", &[]),
    ("api", &["chat", "streaming", "domain", "observability"]),
    (
        "config",
        &[
            "api",
            "chat",
            "agents",
            "model",
            "mcp",
            "store",
            "resilience",
            "observability",
            "todo",
            "domain",
        ],
    ),
];

/// Rooms that see the whole house.
const SEE_ALL: &[&str] = &["cli"];

/// A file longer than this has two purposes.
const MAX_LINES: usize = 400;

#[test]
fn rooms_use_only_the_rooms_below_them() {
    for (room, allowed) in MAY_USE {
        for file in files_of(room) {
            for used in used_rooms(&fs::read_to_string(&file).unwrap()) {
                let fine = used == *room || allowed.contains(&used.as_str());
                assert!(fine, "{} may not use crate::{used}", file.display());
            }
        }
    }
}

#[test]
fn every_room_has_a_rule() {
    for entry in fs::read_dir(src()).unwrap() {
        let path = entry.unwrap().path();
        let room = path.file_stem().unwrap().to_string_lossy().into_owned();
        let ruled = MAY_USE.iter().any(|(name, _)| *name == room) || SEE_ALL.contains(&&*room);
        assert!(!path.is_dir() || ruled, "no rule for {room}");
    }
}

#[test]
fn every_file_is_short_and_says_what_it_is_for() {
    for file in rust_files(&src()) {
        let text = fs::read_to_string(&file).unwrap();
        assert!(text.starts_with("//!"), "{} has no //! header", file.display());
        assert!(text.lines().count() <= MAX_LINES, "{} is too long", file.display());
    }
}

/// The rooms named after `crate::`, alone or in braces.
fn used_rooms(text: &str) -> Vec<String> {
    let code: Vec<_> = text.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
    let code = code.join("\n");
    let named = code.split("crate::").skip(1).flat_map(|rest| match rest.strip_prefix('{') {
        Some(list) => list.split('}').next().unwrap_or_default().split(',').collect(),
        None => vec![rest],
    });
    let rooms = named.map(|name| {
        let letters = name.trim().chars();
        letters.take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>()
    });
    rooms.filter(|room| !room.is_empty()).collect()
}

/// A small room is one file.
fn files_of(room: &str) -> Vec<PathBuf> {
    let file = src().join(room).with_extension("rs");
    if file.exists() { vec![file] } else { rust_files(&src().join(room)) }
}

fn rust_files(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    entries
        .flat_map(|path| if path.is_dir() { rust_files(&path) } else { vec![path] })
        .filter(|path| path.extension().is_some_and(|ext| ext == "rs"))
        .collect()
}

fn src() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}
