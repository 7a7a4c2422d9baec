//! One word, one meaning: whoever searches `src/` for a type finds it, and not three others.
//!
//! Two types may share a name if nobody takes one for the other, in two packages say. A third one
//! needs another name, and so may the two that were there.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// So many types may have one name.
const MAX_TYPES: usize = 2;

/// Names that may stand for more, and why.
const EXCEPTIONS: &[(&str, &str)] = &[
    ("Settings", "each room has its own, and is handed no other"),
    ("Data", "named by the trait: `http_body::Body`"),
    ("Error", "named by the trait: `http_body::Body`"),
    ("Err", "named by the trait: `std::str::FromStr`"),
    ("Io", "named by the trait: `axum::serve::Listener`, and by ours after it"),
    ("Output", "named by the trait: `std::future::Future` and the operators"),
    ("Value", "named by the traits: `serde::de::Visitor` and `DeserializeSeed`"),
];

#[test]
fn no_type_name_stands_for_three_things() {
    for (name, places) in places_by_name() {
        let is_exception = EXCEPTIONS.iter().any(|(excepted, _)| *excepted == name);
        assert!(
            places.len() <= MAX_TYPES || is_exception,
            "{} types are called {name}:\n{}\nRename those that are not what a reader would first \
             think of, by what each is in the words of specs/data-model.md: a `Line` of the log is \
             a `LogLine`. If a trait of others sets the name, add it to EXCEPTIONS in {} with the \
             reason.",
            places.len(),
            places.join("\n"),
            file!(),
        );
    }
}

#[test]
fn every_exception_is_needed() {
    let places = places_by_name();
    for (name, _) in EXCEPTIONS {
        let count = places.get(*name).map_or(0, Vec::len);
        assert!(count > MAX_TYPES, "only {count} types are called {name}: it needs no exception");
    }
}

#[test]
fn types_are_found_however_they_are_declared() {
    for (line, name) in [
        ("struct A;", Some("A")),
        ("pub enum Bc {", Some("Bc")),
        ("    pub(in crate::chat) struct D<'a>(&'a str);", Some("D")),
        ("pub unsafe trait E: Send {", Some("E")),
        ("    type F = u8;", Some("F")),
        ("union G {", Some("G")),
        ("// struct H;", None),
        ("let structure = I;", None),
        ("/// The type J is", None),
        ("type_of::<K>();", None),
    ] {
        assert_eq!(declared(line), name, "{line}");
    }
}

/// Every type name, and where it is declared: `path:line`.
fn places_by_name() -> BTreeMap<String, Vec<String>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut places: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for file in rust_files(&root.join("src")) {
        let shown = file.strip_prefix(root).unwrap().display().to_string();
        for (number, line) in (1..).zip(fs::read_to_string(&file).unwrap().lines()) {
            if let Some(name) = declared(line) {
                places.entry(name.to_owned()).or_default().push(format!("{shown}:{number}"));
            }
        }
    }
    places
}

/// The name of the type that a line declares.
fn declared(line: &str) -> Option<&str> {
    let line = line.trim_start();
    let line = match line.strip_prefix("pub") {
        Some(rest) if rest.starts_with('(') => rest.split_once(')')?.1.trim_start(),
        Some(rest) => rest.trim_start(),
        None => line,
    };
    let line = line.strip_prefix("unsafe ").unwrap_or(line);
    let (keyword, rest) = line.split_once(' ')?;
    if !matches!(keyword, "struct" | "enum" | "union" | "trait" | "type") {
        return None;
    }
    let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
    rest.get(..end).filter(|name| name.starts_with(|c: char| c.is_ascii_uppercase()))
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = entries
        .flat_map(|path| if path.is_dir() { rust_files(&path) } else { vec![path] })
        .filter(|path| path.extension().is_some_and(|ext| ext == "rs"))
        .collect();
    files.sort();
    files
}
