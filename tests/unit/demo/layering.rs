//! Keeps the offline model in layers: brain and wire know nothing of what stands on them, and no
//! two files need each other.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Each group of `src/demo`, and what of its package it may use.
const MAY_USE: &[(&str, &[&str])] = &[
    ("brain", &["brain", "conversation"]),
    ("wire", &["wire", "conversation"]),
    ("emulation", &["emulation", "wire", "conversation"]),
];

#[test]
fn groups_use_only_the_groups_below_them() {
    for (group, allowed) in MAY_USE {
        for (file, text) in files(&demo().join(group)) {
            for used in text.split("crate::").skip(1) {
                let used = used.split(|c: char| !c.is_alphanumeric()).next().unwrap();
                assert!(allowed.contains(&used), "{file:?} may not use {used}");
            }
            let inside = file.strip_prefix(demo().join(group)).unwrap();
            let is_folder = inside.ends_with("mod.rs");
            let above = "super::".repeat(inside.components().count() + 1 - usize::from(is_folder));
            assert!(!text.contains(&above), "{file:?} reaches past its group");
        }
    }
}

#[test]
fn only_what_joins_the_groups_stands_beside_them() {
    let entries = fs::read_dir(demo()).unwrap().map(|entry| entry.unwrap().file_name());
    let mut names: Vec<String> = entries.map(|name| name.into_string().unwrap()).collect();
    names.sort();

    let groups = ["brain", "emulation", "wire"];
    let package = ["Cargo.toml", "lib.rs", "main.rs", "command.rs"];
    let joins = ["conversation.rs", "plain.rs", "server.rs", "settings.rs"];
    let mut expected: Vec<&str> = groups.into_iter().chain(package).chain(joins).collect();
    expected.sort_unstable();
    assert_eq!(names, expected);
}

#[test]
fn no_file_needs_what_needs_it() {
    for (group, _) in MAY_USE {
        let uses = uses(group);
        for file in uses.keys() {
            let mut needed = BTreeSet::new();
            let mut open: Vec<&String> = uses[file].iter().collect();
            while let Some(next) = open.pop() {
                if needed.insert(next) {
                    open.extend(&uses[next]);
                }
            }
            assert!(!needed.contains(file), "{group}/{file} needs itself, by way of {needed:?}");
        }
    }
}

/// The files of a group, a folder counting as one, and which of them each uses.
fn uses(group: &str) -> BTreeMap<String, BTreeSet<String>> {
    let mut texts: BTreeMap<String, String> = BTreeMap::new();
    let root = demo().join(group);
    for (path, text) in files(&root) {
        let inner = path.strip_prefix(&root).unwrap();
        let name = inner.iter().next().unwrap().to_str().unwrap().trim_end_matches(".rs");
        // Within a folder, one `super` is the folder, except in its own file.
        let is_inside = inner.iter().count() > 1 && !inner.ends_with("mod.rs");
        let local = if is_inside { text.replace("super::super::", "\u{1}") } else { text };
        let local = if is_inside { local.replace("super::", "") } else { local };
        *texts.entry(name.to_owned()).or_default() += &local.replace('\u{1}', "super::");
    }
    texts.remove("mod");
    let names: BTreeSet<String> = texts.keys().cloned().collect();
    let own = format!("crate::{group}::");
    let of = |(name, text): (String, String)| {
        let starts = text.split("super::").skip(1).chain(text.split(&own).skip(1));
        let used = starts.map(|rest| rest.split(|c: char| !is_name(c)).next().unwrap().to_owned());
        let used = used.filter(|used| names.contains(used) && *used != name).collect();
        (name, used)
    };
    texts.into_iter().map(of).collect()
}

fn is_name(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn demo() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src/demo")
}

/// Every Rust file below a folder, with its text.
fn files(dir: &Path) -> Vec<(PathBuf, String)> {
    let paths = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    let of = |path: PathBuf| match path.extension() {
        _ if path.is_dir() => files(&path),
        Some(ext) if ext == "rs" => vec![(path.clone(), fs::read_to_string(&path).unwrap())],
        _ => vec![],
    };
    paths.flat_map(of).collect()
}
