//! The file of keys: what it may say, how large it may be, and what is told of it.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use orchestrator::auth::{ApiKeys, InvalidKeys, KeyFile, KeyLimits};
use orchestrator::domain::Scope;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;
use tracing::Level;

use super::{owner_of, recognition};
use crate::support::callers::entry;
use crate::support::log::Log;

/// In bytes.
const LARGEST: usize = 8 * 1024 * 1024;

fn fine(number: usize) -> Value {
    let hash = format!("sha256:{}", "0".repeat(64));
    json!({ "id": format!("a{number}"), "name": format!("n{number}"), "hash": hash, "user": "u" })
}

fn read(keys: &[Value]) -> Result<KeyFile, InvalidKeys> {
    KeyFile::read(&json!({ "keys": keys }).to_string())
}

#[test]
fn a_field_is_as_it_must_be_or_the_file_is_refused() {
    let digits = |text: &str| format!("sha256:{text}");
    let table = [
        ("id", "Az09".to_owned(), true),
        ("id", String::new(), false),
        ("id", "a_b".to_owned(), false),
        ("name", "x".repeat(100), true),
        ("name", "two words".to_owned(), true),
        ("name", String::new(), false),
        ("name", "x".repeat(101), false),
        ("name", " x".to_owned(), false),
        ("name", "x ".to_owned(), false),
        ("name", "x\u{7}x".to_owned(), false),
        ("hash", digits(&"aB".repeat(32)), true),
        ("hash", digits(&"0".repeat(66)), false),
        ("hash", digits(&"0".repeat(62)), false),
        ("hash", digits(&"+0".repeat(32)), false),
        ("hash", "0".repeat(64), false),
    ];
    for (field, value, is_fine) in table {
        let mut key = fine(1);
        key[field] = json!(value);
        assert_eq!(read(&[key]).is_ok(), is_fine, "{field} {value}");
    }
}

#[test]
fn a_file_has_at_most_ten_thousand_keys() {
    let keys: Vec<_> = (0..10_001).map(fine).collect();

    assert_eq!(read(&keys[1..]).unwrap().keys.len(), 10_000);
    let told = read(&keys).unwrap_err().to_string();
    assert_eq!(told, "there are more than 10000 keys");
}

#[tokio::test]
async fn a_key_without_scopes_may_chat_and_no_more() {
    let (ada, key) = entry("", "ada", "operate");
    let mut ada = serde_json::to_value(ada).unwrap();
    ada.as_object_mut().unwrap().remove("scopes");

    let keys = ApiKeys::new(&read(&[ada]).unwrap()).unwrap();

    let caller = recognition(&*keys, &key).await.unwrap();
    assert!(caller.may(Scope::Chat) && !caller.may(Scope::Operate));
}

#[test]
fn the_limits_of_a_key_are_listed_as_they_were_set() {
    let limits = |limits: Value| serde_json::from_value::<KeyLimits>(limits).unwrap().to_string();

    let all = json!({
        "turns_per_minute": 10, "turns_at_once": 2, "tokens_per_day": 1000, "cost_usd_per_day": 0.5,
    });
    assert_eq!(limits(all), "10 turns/min, 2 at once, 1000 tokens/day, $0.5 a day");
    assert_eq!(limits(json!({ "turns_at_once": 2 })), "2 at once");
    assert_eq!(limits(json!({})), "");
}

/// Looks at a file for some time; whether a key is known in the end.
async fn is_known_after_looks(path: &Path, key: &str) -> bool {
    let keys = ApiKeys::new(&KeyFile::default()).unwrap();
    let stop = CancellationToken::new();
    let watching = tokio::spawn(Arc::clone(&keys).watch(path.to_owned(), stop.clone()));
    // The clock goes on only when the watcher has looked.
    tokio::time::sleep(Duration::from_secs(3)).await;
    stop.cancel();
    watching.await.unwrap();
    owner_of(&*keys, key).await.is_some()
}

#[tokio::test(start_paused = true)]
async fn a_file_may_be_as_large_as_it_says_and_no_larger() {
    let (log, _guard) = Log::at(Level::INFO);
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("keys.json");
    let (ada, key) = entry("", "ada", "chat");
    let text = json!({ "keys": [ada] }).to_string();

    fs::write(&path, text.clone() + &" ".repeat(LARGEST - text.len())).unwrap();
    assert!(is_known_after_looks(&path, &key).await, "{}", log.text());
    fs::write(&path, text.clone() + &" ".repeat(LARGEST + 1 - text.len())).unwrap();
    assert!(!is_known_after_looks(&path, &key).await);

    assert!(log.text().contains("it is larger than 8388608 bytes"), "{}", log.text());
}

#[tokio::test(start_paused = true)]
async fn what_is_no_file_is_not_read() {
    let (log, _guard) = Log::at(Level::INFO);
    let folder = TempDir::new().unwrap();

    assert!(!is_known_after_looks(folder.path(), "ork_a_b").await);

    assert!(log.text().contains("it is not a file"), "{}", log.text());
}

#[tokio::test(start_paused = true)]
async fn a_fault_is_told_once_and_again_when_it_is_another_or_came_back() {
    let (log, _guard) = Log::at(Level::INFO);
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("keys.json");
    let (ada, bob) = (entry("", "ada", "chat").0, entry("", "bob", "chat").0);
    let keys = ApiKeys::new(&KeyFile::default()).unwrap();
    let stop = CancellationToken::new();
    fs::write(&path, json!({ "keys": [ada] }).to_string()).unwrap();
    let watching = tokio::spawn(keys.watch(path.clone(), stop.clone()));

    let both = json!({ "keys": [ada, bob] }).to_string();
    for text in ["{}", &both, "{}", "{ half"] {
        tokio::time::sleep(Duration::from_secs(4)).await;
        fs::write(&path, text).unwrap();
    }
    tokio::time::sleep(Duration::from_secs(4)).await;

    let lines = log.lines().into_iter().map(|line| line["fields"].clone());
    let told: Vec<_> = lines
        .map(|line| match line["fault"].as_str() {
            Some(fault) => fault.rsplit("(line").next().unwrap().to_owned(),
            None => format!("{} keys", line["keys"]),
        })
        .collect();
    assert_eq!(told, [" 1, column 2)", "2 keys", " 1, column 2)", " 1, column 3)"]);
    stop.cancel();
    watching.await.unwrap();
}
