//! Both revisions of the protocol, and the process on standard input and output.

use std::process::Stdio;
use std::time::Duration;

use rmcp::model::{ArgumentInfo, CompleteRequestParams, ErrorCode, Reference};
use rmcp::service::ServiceError;
use rmcp::transport::TokioChildProcess;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::Command;
use tokio::time::timeout;

use super::*;
use crate::support::process::{Running, ask, program};

const REVISIONS: [ProtocolVersion; 2] =
    [ProtocolVersion::V_2025_11_25, ProtocolVersion::V_2026_07_28];

/// Nothing here takes that long unless it hangs.
const PATIENCE: Duration = Duration::from_secs(20);

#[tokio::test]
async fn both_revisions_are_spoken_over_a_pipe() {
    for revision in REVISIONS {
        let server = TodoServer::open(&settings("memory")).await.unwrap();
        let (here, there) = tokio::io::duplex(64 * 1024);
        drop(tokio::spawn(async move { server.serve(there).await.unwrap().waiting().await }));

        let client = connect(here, revision.clone()).await;

        works(&client, &revision).await;
    }
}

#[tokio::test]
async fn both_revisions_are_spoken_on_standard_input_and_output() {
    for revision in REVISIONS {
        let folder = TempDir::new().unwrap();
        let mut command = Command::from(program(folder.path()));
        command.arg("todo");

        let client = connect(TokioChildProcess::new(command).unwrap(), revision.clone()).await;

        works(&client, &revision).await;
        assert!(folder.path().join("data/todos.db").is_file());
        timeout(PATIENCE, client.cancel()).await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn what_is_not_declared_is_not_there() {
    for revision in REVISIONS {
        let server = TodoServer::open(&settings("memory")).await.unwrap();
        let (here, there) = tokio::io::duplex(64 * 1024);
        drop(tokio::spawn(async move { server.serve(there).await.unwrap().waiting().await }));
        let client = connect(here, revision).await;
        let topic = Reference::for_prompt("x");
        let argument = ArgumentInfo::new("x", "x");

        for refused in [
            client.list_prompts(None).await.err(),
            client.list_resources(None).await.err(),
            client.list_resource_templates(None).await.err(),
            client.complete(CompleteRequestParams::new(topic, argument)).await.err(),
        ] {
            let Some(ServiceError::McpError(error)) = refused else { panic!("{refused:?}") };
            assert_eq!(error.code, ErrorCode::METHOD_NOT_FOUND);
        }
    }
}

/// The tools are listed, and one can be called.
pub(super) async fn works(client: &RunningService<RoleClient, ()>, revision: &ProtocolVersion) {
    let tools = client.list_all_tools().await.unwrap();
    let made = answer(call(client, "create_todo", title("Milk")).await).unwrap();
    let listed = answer(call(client, "list_todos", json!({})).await).unwrap();

    assert_eq!(&client.peer_info().unwrap().protocol_version, revision);
    assert!(client.peer_info().unwrap().instructions.is_some());
    assert_eq!(tools.len(), 9);
    assert_eq!(listed["todos"], json!([made]));
}

#[tokio::test]
async fn the_process_ends_well_when_its_input_does() {
    let hello = json!({ "jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
        "protocolVersion": "2025-11-25", "capabilities": {},
        "clientInfo": { "name": "test", "version": "1" },
    }});
    for said in [String::new(), format!("{hello}\n")] {
        let folder = TempDir::new().unwrap();
        let mut command = Command::from(program(folder.path()));
        command.arg("todo").stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.kill_on_drop(true).spawn().unwrap();
        let (mut input, mut output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());

        input.write_all(said.as_bytes()).await.unwrap();
        if !said.is_empty() {
            assert_ne!(output.read_u8().await.unwrap(), 0);
        }
        drop(input);

        let mut rest = String::new();
        output.read_to_string(&mut rest).await.unwrap();
        assert!(timeout(PATIENCE, child.wait()).await.unwrap().unwrap().success());
    }
}

#[tokio::test]
async fn standard_output_carries_the_protocol_alone() {
    let folder = TempDir::new().unwrap();
    let mut command = Command::from(program(folder.path()));
    command.arg("todo").env("LOG_LEVEL", "trace").stdin(Stdio::piped()).stdout(Stdio::piped());
    command.stderr(Stdio::null());
    let mut child = command.kill_on_drop(true).spawn().unwrap();

    child.stdin.take().unwrap().write_all(b"not json\n{}\n\n").await.unwrap();
    let mut output = String::new();
    child.stdout.take().unwrap().read_to_string(&mut output).await.unwrap();

    for line in output.lines() {
        let message: Value = serde_json::from_str(line).unwrap();
        assert_eq!(message["jsonrpc"], "2.0", "{line}");
    }
}

#[tokio::test]
async fn a_database_that_is_down_ends_the_process_with_a_word() {
    let folder = TempDir::new().unwrap();
    for arguments in [&["todo"][..], &["todo", "--http", "127.0.0.1:0"]] {
        let mut command = Command::from(program(folder.path()));
        command.args(arguments).env("TODO_DATABASE_URL", "sqlite:///proc/geheim/todos.db");
        command.stdin(Stdio::piped()).kill_on_drop(true);

        let output = timeout(PATIENCE, command.output()).await.unwrap().unwrap();

        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && output.stdout.is_empty());
        assert!(told.contains("TODO_DATABASE_URL") && !told.contains("geheim"), "{told}");
    }
}

/// The offline model says null for it; a server that took that as left out would refuse.
#[tokio::test]
async fn a_due_date_is_taken_away_by_talking() {
    let folder = TempDir::new().unwrap();
    let server = Running::start(&folder, &[]);
    server.ready().await;
    ask(&server.url, &json!({ "message": "add eggs for tomorrow" })).await;

    let said = json!({ "message": "remove the due date from eggs" });
    let answer = ask(&server.url, &said).await;

    let last = answer["tool_calls"].as_array().unwrap().last().unwrap();
    assert_eq!((&last["name"], &last["is_error"]), (&json!("update_todo"), &json!(false)));
    let todo: Value = serde_json::from_str(last["result"].as_str().unwrap()).unwrap();
    assert_eq!((&todo["title"], todo.get("due")), (&json!("Eggs"), None));

    // What needed no approval can be undone.
    let undone = json!({ "message": "undo that", "thread_id": answer["thread_id"] });
    let undone = ask(&server.url, &undone).await;
    assert_eq!(undone["message"], "Undone. It is Eggs (due tomorrow) again.");
    drop(server.stop());
}
