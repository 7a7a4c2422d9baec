//! The command line.

use std::process::Output;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::process::{Running, client, program};

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
fn help_names_every_variable() {
    let data = TempDir::new().unwrap();

    let output = program(data.path()).arg("--help").output().unwrap();

    let told = String::from_utf8(output.stdout).unwrap();
    for variable in orchestrator::config::VARIABLES {
        assert!(told.contains(variable.name), "{}", variable.name);
    }
}

#[test]
fn the_example_environment_and_the_readme_name_every_variable() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    for file in [".env.example", "README.md"] {
        let text = std::fs::read_to_string(root.join(file)).unwrap();
        for variable in orchestrator::config::VARIABLES {
            assert!(text.contains(variable.name), "{file} does not name {}", variable.name);
        }
    }
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

#[test]
fn an_address_in_use_is_told_with_what_to_do() {
    let data = TempDir::new().unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();

    let output = program(data.path()).env("PORT", port).output().unwrap();

    assert!(!output.status.success());
    assert!(stderr(&output).contains("Set PORT"), "{}", stderr(&output));
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
