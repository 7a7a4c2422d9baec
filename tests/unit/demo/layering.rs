//! Keeps the offline model in layers: brain and wire know nothing of what stands on them.

use std::fs;
use std::path::{Path, PathBuf};

/// Each group of `src/demo`, and what of `crate::demo` it may use.
const MAY_USE: &[(&str, &[&str])] = &[
    ("brain", &["conversation"]),
    ("wire", &["wire", "conversation"]),
    ("emulation", &["emulation", "wire", "conversation"]),
];

#[test]
fn groups_use_only_the_groups_below_them() {
    for (group, allowed) in MAY_USE {
        for (file, text) in files(&demo().join(group)) {
            for used in text.split("crate::demo::").skip(1) {
                let used = used.split(|c: char| !c.is_alphanumeric()).next().unwrap();
                assert!(allowed.contains(&used), "{file:?} may not use {used}");
            }
            assert!(!text.contains("super::super"), "{file:?} reaches past its group");
        }
    }
}

#[test]
fn only_what_joins_the_groups_stands_beside_them() {
    let entries = fs::read_dir(demo()).unwrap().map(|entry| entry.unwrap().file_name());
    let mut names: Vec<String> = entries.map(|name| name.into_string().unwrap()).collect();
    names.sort();

    let groups = ["brain", "emulation", "wire"];
    let joins = ["conversation.rs", "mod.rs", "plain.rs", "server.rs", "settings.rs"];
    let mut expected: Vec<&str> = groups.into_iter().chain(joins).collect();
    expected.sort_unstable();
    assert_eq!(names, expected);
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
