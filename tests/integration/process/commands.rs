//! The command line.

use std::os::unix::ffi::OsStrExt;
use std::process::Output;

use orchestrator::config::{Preset, VARIABLES, Variable};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::process::{Running, client, get, program};

#[test]
fn bad_values_are_refused_all_at_once_without_being_shown() {
    let data = TempDir::new().unwrap();
    let mut command = program(data.path());
    command.env("PORT", "geheim").env("MAX_STEPS", "-1").env("DATABASE_URL", "mysql://geheim");

    let output = command.output().unwrap();

    assert_eq!(output.status.code(), Some(64));
    let told = stderr(&output);
    for name in ["PORT", "MAX_STEPS", "DATABASE_URL"] {
        assert!(told.contains(name), "{told}");
    }
    assert!(!told.contains("geheim"), "{told}");
}

#[test]
fn help_and_readme_tell_every_variable_with_its_default() {
    let data = TempDir::new().unwrap();

    let output = program(data.path()).arg("--help").output().unwrap();

    let told = String::from_utf8(output.stdout).unwrap();
    let readme = file("README.md");
    for Variable { name, preset, help } in VARIABLES {
        let (plain, marked) = match preset {
            Preset::Unset => ("unset", "unset".to_owned()),
            Preset::Value(value) => (*value, format!("`{value}`")),
            Preset::Words(words) => (*words, (*words).to_owned()),
        };
        assert!(told.contains(&format!("  {name:<24} {help} [{plain}]\n")), "{name}");
        assert!(readme.contains(&format!("| `{name}` | {marked} | {help} |\n")), "{name}");
    }
    let named = readme.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next());
    let is_variable = |name: &&str| name.chars().all(|c| c.is_ascii_uppercase() || c == '_');
    assert_eq!(named.filter(is_variable).count(), VARIABLES.len(), "the README has its own");
}

#[test]
fn the_example_environment_shows_every_variable_and_the_default_of_each_that_has_one() {
    let example = file(".env.example");
    for variable in VARIABLES {
        let shown = format!("\n# {}=", variable.name);
        let values: Vec<_> = example.split(&shown).skip(1).collect();
        let [value] = values[..] else { panic!("{} is shown {}x", variable.name, values.len()) };
        if let Preset::Value(preset) = variable.preset {
            assert_eq!(value.lines().next(), Some(preset), "{}", variable.name);
        }
    }
}

fn file(name: &str) -> String {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(root.join(name)).unwrap()
}

#[tokio::test]
async fn probe_succeeds_only_if_the_server_is_alive() {
    let data = TempDir::new().unwrap();
    let server = Running::start(&data, &[]);
    let probe = |url: &str| program(data.path()).args(["probe", url]).output().unwrap();

    let alive = probe(&server.url);
    let url = server.url.clone();
    drop(server.stop());
    let dead = probe(&url);

    assert!(alive.status.success(), "{}", stderr(&alive));
    assert!(!dead.status.success());
}

/// A broken file must not make a healthy server look dead, nor stop a command that does not read it.
#[tokio::test]
async fn a_command_reads_only_the_variables_that_it_needs() {
    let data = TempDir::new().unwrap();
    std::fs::write(data.path().join("broken.json"), "{").unwrap();
    let server = Running::start(&data, &[]);
    let port = server.url.rsplit(':').next().unwrap().to_owned();
    let broken = |arguments: &[&str]| {
        let mut command = program(data.path());
        command.args(arguments).env("MCP_CONFIG", "broken.json");
        command.env("MODEL_PRICES", "broken.json").env("MAX_STEPS", "many");
        command.env("TITLES", std::ffi::OsStr::from_bytes(b"\xff"));
        command
    };

    let probed = broken(&["probe"]).env("PORT", &port).output().unwrap();
    let named = broken(&["probe", &server.url]).env("PORT", "none").output().unwrap();
    let unknown = broken(&["probe"]).env("PORT", "none").output().unwrap();
    let started = broken(&["serve"]).output().unwrap();
    let mut model = broken(&["demo-model", "--listen", "127.0.0.1:0"]);
    let todo = broken(&["todo"]).stdin(std::process::Stdio::null()).output().unwrap();
    let todo_of_none = broken(&["todo"]).env("TODO_DATABASE_URL", "none").output().unwrap();

    assert!(probed.status.success(), "{}", stderr(&probed));
    assert!(named.status.success(), "{}", stderr(&named));
    assert_eq!(unknown.status.code(), Some(64), "{}", stderr(&unknown));
    assert_eq!(started.status.code(), Some(64), "{}", stderr(&started));
    drop(Running::spawn_model(&mut model));
    assert_ne!(todo.status.code(), Some(64), "{}", stderr(&todo));
    assert_eq!(todo_of_none.status.code(), Some(64), "{}", stderr(&todo_of_none));
}

#[test]
fn an_address_that_cannot_be_listened_on_is_told_with_what_to_do() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    for (name, value, advice) in [
        ("PORT", &*port, "set PORT to another port"),
        ("HOST", "nowhere.invalid", "set HOST to an address of this machine"),
        ("HOST", "192.0.2.1", "set HOST to one that it has"),
    ] {
        let data = TempDir::new().unwrap();
        let mut command = program(data.path());
        let output = command.env("ALLOW_ANONYMOUS", "true").env(name, value).output().unwrap();

        assert!(!output.status.success());
        let told = stderr(&output);
        assert!(told.contains(advice) && !told.contains("Listening on"), "{value}: {told}");
    }
}

#[tokio::test]
async fn with_every_server_of_a_list_disabled_there_are_no_tools() {
    let data = TempDir::new().unwrap();
    let list = r#"{"mcpServers":{"a":{"command":"x","disabled":true}}}"#;
    std::fs::write(data.path().join("mcp.json"), list).unwrap();
    let server = Running::start(&data, &[("MCP_CONFIG", "mcp.json")]);
    server.ready().await;

    let (_, health) = get(&format!("{}/health", server.url)).await;

    assert_eq!((&health["mcp"], &health["status"]), (&json!({}), &json!("ok")));
    assert!(server.children().is_empty());
}

#[tokio::test]
async fn an_emulation_takes_its_knobs_from_the_command_line() {
    let data = TempDir::new().unwrap();
    let mut command = program(data.path());
    command.args(["demo-model", "--emulate", "--listen", "127.0.0.1:0"]);
    command.args(["--knobs", "dialect=openai,chars=1-2", "--seed", "7", "--agent", "brain"]);
    let model = Running::spawn_model(&mut command);

    let body = json!({ "model": "any", "messages": [{ "role": "user", "content": "hello" }] });
    let url = format!("{}/v1beta/openai/chat/completions", model.url);
    let request = client().post(url).header("authorization", "Bearer k").body(body.to_string());
    let answer: Value =
        serde_json::from_str(&request.send().await.unwrap().text().await.unwrap()).unwrap();

    assert!(answer["id"].as_str().unwrap().starts_with("chatcmpl-"), "{answer}");
    assert_eq!(answer["model"], "any");
}

#[test]
fn knobs_that_do_not_exist_or_need_an_emulation_are_refused() {
    for arguments in [
        &["--emulate", "--knobs", "sttft=4"][..],
        &["--emulate", "--agent", "bond"],
        &["--knobs", "ttft=4"],
    ] {
        let data = TempDir::new().unwrap();

        let output = program(data.path()).arg("demo-model").args(arguments).output().unwrap();

        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {}", stderr(&output));
    }
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}
