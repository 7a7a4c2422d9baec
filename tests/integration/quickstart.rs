//! The quickstart, word for word.

use std::net::TcpListener;
use std::process::Command;

use tempfile::TempDir;

use crate::support::process::program;

/// Far longer than it takes; a quickstart that hangs must not hang the tests.
const SECONDS: &str = "60";

/// Whatever happens, nothing that the script began goes on after it.
const CLEAN_UP: &str = "trap 'kill $(jobs -p) 2>/dev/null || true; wait' EXIT\n";

#[test]
fn every_command_of_the_quickstart_works() {
    if !has("bash") || !has("curl") || !has("timeout") {
        eprintln!("!!! SKIPPED: the quickstart needs bash, curl and timeout");
        return;
    }
    let data = TempDir::new().unwrap();
    let script = script(include_str!("../../specs/quickstart.md"));

    let mut bash = Command::new("timeout");
    bash.args([SECONDS, "bash", "-euo", "pipefail", "-c", &script]);
    let environment = program(data.path());
    bash.current_dir(data.path()).env_clear();
    bash.envs(environment.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let output = bash.env_remove("PORT").output().unwrap();

    let (told, complained) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{script}\n--- told:\n{told}\n--- complained:\n{complained}");
}

/// All `sh` blocks in order, with the built program and free ports.
fn script(document: &str) -> String {
    let blocks = document.split("```sh\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    let commands: String = blocks.collect();
    let [server, model] = [(); 2].map(|()| free_port());
    let commands = commands.replace("8000", &server).replace("8090", &model);
    let program = env!("CARGO_BIN_EXE_orchestrator");
    format!(
        "{CLEAN_UP}export PORT={server}\norchestrator() {{ exec '{program}' \"$@\"; }}\n{commands}"
    )
}

fn free_port() -> String {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string()
}

fn has(program: &str) -> bool {
    Command::new(program).arg("--version").output().is_ok_and(|output| output.status.success())
}
