//! The command line.

use std::process::Output;

use tempfile::TempDir;

use crate::support::process::{Running, program};

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

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}
