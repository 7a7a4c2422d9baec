//! API keys and their file.

use std::sync::Arc;
use std::time::Duration;

use orchestrator::auth::{ApiKeys, KeyFile, KeyStoreError, add, mint, remove};
use orchestrator::domain::{CallerLimits, NotRecognised, Scope};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use super::{owner, owner_of, recognition};
use crate::support::callers::entry;

#[tokio::test]
async fn a_key_is_known_by_its_hash_and_nothing_else_is() {
    let (ada, key) = entry("acme", "ada", "operate");
    let (bob, other) = entry("", "bob", "chat");
    let hash = ada.hash.clone();
    let keys = ApiKeys::new(&KeyFile { keys: vec![ada, bob] }).unwrap();

    let caller = recognition(&*keys, &key).await.unwrap();
    assert_eq!(caller.owner, owner("acme", "ada"));
    assert!(caller.may(Scope::Operate) && !caller.may(Scope::Chat));
    assert_eq!(owner_of(&*keys, &other).await.as_deref(), Some("/bob"));
    let (id, secret) = key.strip_prefix("ork_").unwrap().split_once('_').unwrap();
    let crossed = format!("ork_{id}_{}", other.rsplit('_').next().unwrap());
    let longer = format!("{key}0");
    let shouted = key.to_uppercase().replace("ORK", "ork");
    let hashed = format!("ork_{id}_{hash}");
    for wrong in [&crossed, &longer, &shouted, &hashed, "ork_", "ork_x", &key[..key.len() - 1]] {
        let refused = recognition(&*keys, wrong).await;
        assert_eq!(refused, Err(NotRecognised::Wrong("unknown API key")), "{wrong}");
    }
    for strange in [secret, "", "a.b.c", "sk-1234", &key[1..]] {
        assert!(keys.recognise_nothing(strange).await, "{strange}");
    }
}

#[tokio::test]
async fn a_key_has_the_limits_of_its_entry_and_no_others() {
    let (mut ada, key) = entry("", "ada", "chat");
    ada.limits = serde_json::from_value(json!({
        "turns_per_minute": 10, "turns_at_once": 2, "tokens_per_day": 1000, "cost_usd_per_day": 0.1,
    }))
    .unwrap();
    let (bob, other) = entry("", "bob", "chat");
    let text = serde_json::to_string(&KeyFile { keys: vec![ada, bob] }).unwrap();
    let keys = ApiKeys::new(&KeyFile::read(&text).unwrap()).unwrap();

    let expected = CallerLimits {
        turns_per_minute: Some(10),
        turns_at_once: Some(2),
        tokens_per_day: Some(1_000),
        cost_per_day: Some("0.1".parse().unwrap()),
    };
    assert_eq!(recognition(&*keys, &key).await.unwrap().limits, expected);
    assert!(recognition(&*keys, &other).await.unwrap().limits.are_none());
    assert_eq!(text.matches("limits").count(), 1, "what is not set is not written: {text}");
}

trait Nothing {
    async fn recognise_nothing(&self, token: &str) -> bool;
}

impl Nothing for Arc<ApiKeys> {
    async fn recognise_nothing(&self, token: &str) -> bool {
        orchestrator::domain::Authenticator::recognise(&**self, token).await.is_none()
    }
}

#[test]
fn minted_keys_differ_and_show_no_secret() {
    let (one, two) = (mint().unwrap(), mint().unwrap());

    assert_ne!(one.text, two.text);
    assert_ne!(one.id, two.id);
    let secret = one.text.expose().rsplit('_').next().unwrap();
    assert_eq!(secret.len(), 64);
    assert!(!format!("{one:?}").contains(secret) && !one.hash.contains(secret));
}

#[test]
fn all_faults_of_a_file_are_told_by_place_and_never_by_value() {
    let fine = json!({ "id": "a1", "name": "n", "hash": format!("sha256:{}", "0".repeat(64)), "user": "u" });
    let with = |name: &str, value: Value| {
        let mut entry = fine.clone();
        entry[name] = value;
        entry
    };
    let faulty = json!({ "keys": [
        fine,
        with("id", json!("ge-heim")),
        with("id", json!("a1")),
        with("hash", json!("geheim")),
        with("hash", json!(format!("sha256:{}", "é".repeat(32)))),
        with("user", json!("")),
        with("tenant", json!("ge/heim")),
        with("scopes", json!(["chat", "geheim"])),
        with("name", json!("x".repeat(101))),
        with("id", json!("b2")),
    ] });

    let told = KeyFile::read(&faulty.to_string()).unwrap_err().to_string();

    for place in [
        "key 2: its id is not",
        "key 3: its id is there twice",
        "key 4: its hash",
        "key 5: its hash",
        "key 6: its tenant or user",
        "key 7: its tenant or user",
        "key 8: its scopes",
        "key 9: its name",
        "key 10: its name is there twice",
    ] {
        assert!(told.contains(place), "{place}: {told}");
    }
    assert!(!told.contains("heim") && !told.contains("key 1:"), "{told}");
}

#[test]
fn limits_out_of_their_range_are_told_by_place_and_never_by_value() {
    for limits in [
        json!({ "turns_per_minute": 0 }),
        json!({ "turns_at_once": 7_777_777 }),
        json!({ "tokens_per_day": 7_777_777_777_777_u64 }),
        json!({ "cost_usd_per_day": 0 }),
        json!({ "cost_usd_per_day": -777.5 }),
        json!({ "cost_usd_per_day": 0.000_000_000_777 }),
        json!({ "cost_usd_per_day": 0.000_099_777 }),
    ] {
        let (mut key, _) = entry("", "ada", "chat");
        key.limits = serde_json::from_value(limits.clone()).unwrap();
        let file = serde_json::to_string(&KeyFile { keys: vec![key] }).unwrap();

        let told = KeyFile::read(&file).unwrap_err().to_string();

        assert!(told.starts_with("key 1: its limits are not possible"), "{limits} {told}");
        assert!(!told.contains("777"), "{told}");
    }
}

#[test]
fn a_file_of_another_form_is_told_as_what_it_should_be() {
    for misshapen in [
        "",
        "[]",
        "{}",
        r#"{"keys": 1}"#,
        r#"{"keys": [{"geheim": 1}]}"#,
        r#"{"keys": [], "geheim": 1}"#,
        r#"{"keys": [{"id": "a", "name": "n", "hash": "", "user": "u", "limits": {"geheim": 1}}]}"#,
        r#"{"keys": [{"id": "a", "name": "n", "hash": "", "user": "u", "limits": {"turns_at_once": "geheim"}}]}"#,
    ] {
        let told = KeyFile::read(misshapen).unwrap_err().to_string();
        assert!(told.contains("\"keys\"") && !told.contains("geheim"), "{told}");
    }
    assert!(KeyFile::read(r#"{"keys": []}"#).is_ok());
}

#[test]
fn keys_are_added_and_revoked_by_one_writer_at_a_time() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("keys.json");
    let threads: Vec<_> = (0..16)
        .map(|number| {
            let path = path.clone();
            std::thread::spawn(move || {
                let (mut key, _) = entry("", "ada", "chat");
                key.name = format!("key {number}");
                add(&path, key).unwrap();
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }

    let read = || KeyFile::read(&std::fs::read_to_string(&path).unwrap()).unwrap().keys;
    assert_eq!(read().len(), 16, "none was lost");
    let (mut again, _) = entry("", "ada", "chat");
    again.name = "key 3".to_owned();
    assert!(matches!(add(&path, again), Err(KeyStoreError::NameTaken)));
    let id = read()[0].id.clone();
    remove(&path, &id).unwrap();
    assert!(matches!(remove(&path, &id), Err(KeyStoreError::Unknown)));
    assert_eq!(read().len(), 15);
    let files: Vec<_> = std::fs::read_dir(folder.path()).unwrap().flatten().collect();
    assert_eq!(files.len(), 1, "nothing is left beside it: {files:?}");
    let mode = std::os::unix::fs::PermissionsExt::mode(&files[0].metadata().unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);
}

#[tokio::test(start_paused = true)]
async fn a_changed_file_counts_without_a_restart_and_a_faulty_one_changes_nothing() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("keys.json");
    let (ada, key) = entry("", "ada", "chat");
    let (bob, other) = entry("", "bob", "chat");
    add(&path, ada.clone()).unwrap();
    let file = KeyFile::read(&std::fs::read_to_string(&path).unwrap()).unwrap();
    let (keys, stop) = (ApiKeys::new(&file).unwrap(), CancellationToken::new());
    let watching = tokio::spawn(Arc::clone(&keys).watch(path.clone(), stop.clone()));
    let known = async || {
        // The clock goes on only when the watcher has looked: some looks pass.
        tokio::time::sleep(Duration::from_secs(5)).await;
        [owner_of(&*keys, &key).await.is_some(), owner_of(&*keys, &other).await.is_some()]
    };
    assert_eq!(known().await, [true, false]);

    add(&path, bob.clone()).unwrap();
    assert_eq!(known().await, [true, true]);
    for faulty in ["{ half", "", r#"{"keys": [{}]}"#] {
        std::fs::write(&path, faulty).unwrap();
        assert_eq!(known().await, [true, true], "{faulty}");
    }
    std::fs::remove_file(&path).unwrap();
    assert_eq!(known().await, [true, true], "there is no file");
    std::fs::write(&path, json!({ "keys": [ada] }).to_string()).unwrap();
    assert_eq!(known().await, [true, false], "put right");

    stop.cancel();
    watching.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_file_that_could_not_be_read_is_read_once_it_can_though_it_did_not_change() {
    let folder = TempDir::new().unwrap();
    let (path, there) = (folder.path().join("link"), folder.path().join("keys.json"));
    let (ada, key) = entry("", "ada", "chat");
    add(&there, ada).unwrap();
    let file = KeyFile::default();
    let (keys, stop) = (ApiKeys::new(&file).unwrap(), CancellationToken::new());
    let watching = tokio::spawn(Arc::clone(&keys).watch(path.clone(), stop.clone()));
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert!(owner_of(&*keys, &key).await.is_none());

    std::os::unix::fs::symlink(&there, &path).unwrap();

    tokio::time::sleep(Duration::from_secs(5)).await;
    assert!(owner_of(&*keys, &key).await.is_some());
    stop.cancel();
    watching.await.unwrap();
}
