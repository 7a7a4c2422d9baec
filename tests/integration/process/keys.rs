//! API keys and the real program: made by a command, known to a running server, revoked.

use std::path::Path;
use std::process::Output;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::process::{Running, client, program};
use crate::support::watchdog::until_async;

const FILE: (&str, &str) = ("API_KEYS_FILE", "keys.json");

fn keys(data: &Path, arguments: &[&str]) -> Output {
    program(data).envs([FILE]).arg("keys").args(arguments).output().unwrap()
}

fn made(data: &Path, arguments: &[&str]) -> String {
    let output = keys(data, arguments);
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

async fn say(server: &Running, key: &str, message: &str) -> (u16, Value) {
    let request = client().post(format!("{}/chat", server.url)).bearer_auth(key);
    let request = request.header("accept", "application/json");
    let request = request.header("content-type", "application/json");
    let answer = request.body(json!({ "message": message }).to_string()).send().await.unwrap();
    (answer.status().as_u16(), serde_json::from_str(&answer.text().await.unwrap()).unwrap())
}

#[tokio::test]
async fn a_key_opens_the_server_until_it_is_revoked() {
    let data = TempDir::new().unwrap();
    let ada = made(data.path(), &["new", "ada"]);
    let server = Running::start(&data, &[FILE, ("HOST", "0.0.0.0"), ("LOG_LEVEL", "trace")]);
    server.ready().await;
    assert_eq!(say(&server, &ada, "add milk").await.1["outcome"], "completed");
    assert_eq!(client().get(format!("{}/models", server.url)).send().await.unwrap().status(), 401);

    let bob = made(data.path(), &["new", "laptop", "--user", "bob", "--tenant", "acme"]);
    until_async("bob comes in", async || say(&server, &bob, "hi").await.0 == 200).await;
    let carl =
        made(data.path(), &["new", "carl", "--turns-per-minute", "1", "--cost-usd-per-day", "0.5"]);
    until_async("carl comes in", async || say(&server, &carl, "hi").await.0 == 200).await;
    assert_eq!(say(&server, &carl, "hi").await.1["violated-policies"], json!(["turns-per-minute"]));
    let listed = made(data.path(), &["list"]);
    assert!(listed.contains("1 turns/min, $0.5 a day"), "{listed}");
    assert!(keys(data.path(), &["revoke", "ada"]).status.success());
    until_async("ada does not", async || say(&server, &ada, "hi").await.0 == 401).await;
    assert_eq!(say(&server, &bob, "hi").await.0, 200);

    let (_, lines) = server.stop();
    let log = lines.join("\n");
    for key in [&ada, &bob] {
        let secret = key.rsplit('_').next().unwrap();
        assert!(!log.contains(secret) && !listed.contains(secret), "a key was told");
    }
    assert!(
        listed.contains("acme  ") && listed.contains("bob  ") && listed.contains("laptop"),
        "{listed}"
    );
    assert!(log.contains("unknown API key"), "the reason is in the log");
}

#[test]
fn a_link_to_the_file_stays_a_link() {
    let data = TempDir::new().unwrap();
    made(data.path(), &["new", "ada"]);
    let there = data.path().join("there.json");
    std::fs::rename(data.path().join("keys.json"), &there).unwrap();
    std::os::unix::fs::symlink(&there, data.path().join("keys.json")).unwrap();

    assert!(keys(data.path(), &["revoke", "ada"]).status.success());

    assert!(!std::fs::read_to_string(there).unwrap().contains("ada"));
    assert!(data.path().join("keys.json").is_symlink());
}

#[test]
fn a_server_that_others_reach_does_not_start_open() {
    let data = TempDir::new().unwrap();

    let output = program(data.path()).env("HOST", "0.0.0.0").output().unwrap();

    assert_eq!(output.status.code(), Some(64));
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(told.contains("HOST says that others may reach"), "{told}");
    let mut open = Running::start(&data, &[("HOST", "0.0.0.0"), ("ALLOW_ANONYMOUS", "true")]);
    open.wait_for("whoever reaches this address may use the server");
}

#[test]
fn what_cannot_be_done_with_keys_is_told() {
    let data = TempDir::new().unwrap();
    made(data.path(), &["new", "ada"]);
    let long = "x".repeat(101);
    for (arguments, told) in [
        (&["new", "ada"][..], "already a key with this name"),
        (&["new", "b", "--scope", "everything"], "scopes are not all"),
        (&["new", "b", "--tenant", "a/b"], "tenant or user is no name"),
        (&["new", &long], "name must have 1 to 100 characters"),
        (&["new", "b\u{1b}[31m"], "none of them invisible"),
        (&["revoke", "nobody"], "No key has this name or id"),
    ] {
        let output = keys(data.path(), arguments);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        let words = String::from_utf8(output.stderr).unwrap();
        assert!(words.contains(told), "{arguments:?}: {words}");
    }
    let output = program(data.path()).args(["keys", "list"]).output().unwrap();
    assert_eq!(output.status.code(), Some(64), "the file is not named");
}
