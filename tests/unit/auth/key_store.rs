//! Changes of the file of keys.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::Path;

use orchestrator::auth::{KeyEntry, KeyFile, KeyStoreError, add, remove};
use tempfile::TempDir;

use crate::support::callers::entry;

fn named(name: &str) -> KeyEntry {
    KeyEntry { name: name.to_owned(), ..entry("", "ada", "chat").0 }
}

fn names(path: &Path) -> Vec<String> {
    let file = KeyFile::read(&fs::read_to_string(path).unwrap()).unwrap();
    file.keys.into_iter().map(|key| key.name).collect()
}

#[test]
fn the_folder_of_the_file_is_made_if_there_is_none() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("deep/folder/keys.json");

    add(&path, named("one")).unwrap();

    assert_eq!(names(&path), ["one"]);
}

#[test]
fn a_key_is_removed_by_its_id_or_else_by_its_name() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("keys.json");
    let (first, second) = (named("first"), named("second"));
    // Somebody named a key like the id of another.
    let third = named(&first.id);
    for key in [first.clone(), second, third.clone()] {
        add(&path, key).unwrap();
    }

    assert_eq!(remove(&path, "second").unwrap().name, "second");
    assert_eq!(remove(&path, &first.id).unwrap().name, "first");
    assert_eq!(names(&path), [&*third.name]);
    assert_eq!(remove(&path, &third.name).unwrap().id, third.id);
    assert!(matches!(remove(&path, "second"), Err(KeyStoreError::Unknown)));
}

#[test]
fn what_cannot_be_read_is_not_replaced() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("keys.json");
    fs::write(&path, b"\xff\xfe").unwrap();
    assert!(matches!(add(&path, named("one")), Err(KeyStoreError::Io(_))));
    assert_eq!(fs::read(&path).unwrap(), b"\xff\xfe");

    fs::write(&path, "{}").unwrap();
    assert!(matches!(add(&path, named("one")), Err(KeyStoreError::Invalid(_))));
    assert_eq!(fs::read(&path).unwrap(), b"{}");
}

#[test]
fn a_new_key_with_faults_is_refused_and_changes_nothing() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("keys.json");
    add(&path, named("one")).unwrap();

    let faulty = KeyEntry { user: String::new(), ..named("two") };

    assert!(matches!(add(&path, faulty), Err(KeyStoreError::NewKey(_))));
    assert_eq!(names(&path), ["one"]);
}

#[test]
fn who_may_read_the_file_may_read_it_after_a_change() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("keys.json");
    add(&path, named("one")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    let is_given = chown(&path, Some(4_321), Some(1_234)).is_ok();
    if !is_given {
        println!("LEFT OUT: only root can give the file to another user");
    }

    add(&path, named("two")).unwrap();

    let found = fs::metadata(&path).unwrap();
    assert_eq!(found.mode() & 0o777, 0o640);
    assert!(!is_given || (found.uid(), found.gid()) == (4_321, 1_234));
    assert_eq!(names(&path), ["one", "two"]);
}
