//! Keeps the arrows of `specs/plan.md` true: who may use whom.

use std::fs;
use std::path::{Path, PathBuf};

/// Each room, and the rooms it may use.
const MAY_USE: &[(&str, &[&str])] = &[
    ("domain", &[]),
    ("observability", &[]),
    ("resilience", &["domain"]),
    ("cores", &[]),
    ("serving", &["cores", "domain"]),
    ("agents", &["domain", "observability"]),
    ("chat", &["agents", "cores", "domain", "observability"]),
    ("streaming", &["chat", "domain", "resilience"]),
    ("model", &["agents", "cores", "domain", "resilience", "observability"]),
    ("mcp", &["agents", "domain", "resilience", "observability"]),
    ("store", &["chat", "domain", "resilience", "observability"]),
    ("web", &[]),
    ("api", &["chat", "streaming", "domain", "observability"]),
    (
        "config",
        &[
            "api",
            "auth",
            "chat",
            "agents",
            "model",
            "mcp",
            "store",
            "resilience",
            "observability",
            "domain",
        ],
    ),
];

/// The other packages, and the rooms that may use them. `app` and `cli` may use all.
const PACKAGES: &[(&str, &[&str])] = &[
    ("api", &["config"]),
    ("auth", &["config"]),
    ("chat", &["api", "config", "store", "streaming"]),
    ("demo", &[]),
    ("mcp", &["config"]),
    ("model", &["config"]),
    ("outbound", &["config", "mcp", "model"]),
    ("serving", &[]),
    ("store", &["config"]),
    ("streaming", &["api"]),
    ("text", &["domain"]),
    ("todo", &["config"]),
];

/// Rooms that see the whole house.
const SEE_ALL: &[&str] = &["cli"];

/// A file longer than this has two purposes.
const MAX_LINES: usize = 400;

#[test]
fn rooms_use_only_the_rooms_below_them() {
    for (room, allowed) in MAY_USE {
        for file in files_of(room) {
            for used in used_rooms(&fs::read_to_string(&file).unwrap(), &beginnings(room, &file)) {
                let fine = used == *room || allowed.contains(&used.as_str());
                assert!(fine, "{} may not use crate::{used}", file.display());
            }
        }
    }
}

#[test]
fn rooms_use_only_the_packages_below_them() {
    for (room, _) in MAY_USE {
        for file in files_of(room) {
            let text = fs::read_to_string(&file).unwrap();
            let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
            let code: Vec<_> = code.collect();
            for (package, users) in PACKAGES {
                let path = format!("{package}::");
                let is_used = code.iter().any(|line| {
                    let starts =
                        |at: usize| !line[..at].ends_with(|c: char| is_name(c) || c == ':');
                    line.match_indices(&path).any(|(at, _)| starts(at))
                });
                assert!(
                    !is_used || users.contains(room),
                    "{} may not use {package}",
                    file.display()
                );
            }
        }
    }
}

#[test]
fn every_room_has_a_rule() {
    let entries = [src(), src().join("base")].map(|folder| fs::read_dir(folder).unwrap());
    for entry in entries.into_iter().flatten() {
        let path = entry.unwrap().path();
        let room = path.file_stem().unwrap().to_string_lossy().into_owned();
        let ruled = MAY_USE.iter().any(|(name, _)| *name == room) || SEE_ALL.contains(&&*room);
        // What a package may use its manifest says.
        let is_package = path.join("Cargo.toml").exists();
        assert!(!path.is_dir() || ruled || is_package, "no rule for {room}");
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

/// What leads from a file to the rooms: `crate::`, or climbing up with `super::`. Packages above the
/// base reach only the rooms in it, by its name.
fn beginnings(room: &str, file: &Path) -> Vec<String> {
    if src().join(room).join("Cargo.toml").exists() {
        return vec!["base::".to_owned()];
    }
    beginnings_at(depth(file))
}

fn beginnings_at(depth: usize) -> Vec<String> {
    let up = (depth > 0).then(|| "super::".repeat(depth));
    ["crate::".to_owned()].into_iter().chain(up).collect()
}

/// The rooms that a file names, alone or in nested braces.
fn used_rooms(text: &str, beginnings: &[String]) -> Vec<String> {
    let code: Vec<_> = text.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
    let code = code.join("\n");
    // Not within another name: `database::` ends like `base::`.
    let starts = |at: usize| !code[..at].ends_with(is_name);
    let named = beginnings.iter().flat_map(|begin| {
        let places = code.match_indices(&**begin).filter(|(at, _)| starts(*at));
        places.map(|(at, found)| &code[at + found.len()..])
    });
    let rooms = named.flat_map(|rest| match rest.strip_prefix('{') {
        Some(list) => first_names(list),
        None => vec![first_name(rest)],
    });
    rooms.filter(|room| !room.is_empty() && room != "super" && room != "self").collect()
}

/// The first name of each entry of a list in braces, up to its own end.
fn first_names(list: &str) -> Vec<String> {
    let (mut names, mut depth, mut start) = (Vec::new(), 0, 0);
    for (at, c) in list.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth > 0 => depth -= 1,
            '}' | ',' if depth == 0 => {
                names.push(first_name(&list[start..at]));
                start = at + 1;
            }
            _ => {}
        }
        if c == '}' && start == at + 1 {
            break;
        }
    }
    names
}

fn first_name(path: &str) -> String {
    path.trim().chars().take_while(|c| is_name(*c)).collect()
}

fn is_name(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// How many `super::` lead from a file to the root of its package.
fn depth(file: &Path) -> usize {
    let inside = file.strip_prefix(src().join("base")).or_else(|_| file.strip_prefix(src()));
    let inside = inside.unwrap();
    let is_folder = inside.file_name().is_some_and(|name| name == "mod.rs");
    inside.components().count() - usize::from(is_folder)
}

#[test]
fn rooms_are_found_however_they_are_named() {
    for (text, rooms) in [
        ("use crate::chat::{A, B};", &["chat"][..]),
        ("use crate::{chat::{A, b::{C, D}}, config::E};", &["chat", "config"]),
        ("use crate::{\n    domain::A,\n    app,\n};\nfn f() {}", &["domain", "app"]),
        ("// use crate::config;\nlet x = crate::model::new();", &["model"]),
        ("use super::super::config::A;", &["config"]),
        ("use super::super::{config::A, cli};", &["config", "cli"]),
        ("use super::sibling::A;", &[]),
    ] {
        assert_eq!(used_rooms(text, &beginnings_at(2)), rooms, "{text}");
    }
}

/// A small room is one file.
fn files_of(room: &str) -> Vec<PathBuf> {
    let places = [src(), src().join("base")].map(|folder| folder.join(room));
    let place =
        places.into_iter().find(|place| place.exists() || place.with_extension("rs").exists());
    let place = place.unwrap_or_else(|| panic!("there is no room {room}"));
    let file = place.with_extension("rs");
    if file.exists() { vec![file] } else { rust_files(&place) }
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
