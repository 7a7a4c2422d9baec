//! For whom a call is made: told to the bundled server, and to others only if the operator says so.

use std::path::Path;

use orchestrator::domain::{Owner, Scope};
use orchestrator::mcp::{Variables, read_servers};
use serde_json::{Value, json};

use super::todo::todo;
use super::*;
use crate::support::mcp_server::Era;
use crate::support::process::{Running, client, program};

#[tokio::test]
async fn the_bundled_server_keeps_one_list_for_each_user() {
    let folder = tempfile::tempdir().unwrap();
    let servers = started(settings(vec![todo(folder.path())])).await;
    let (ada, bob) = (user("ada"), user("bob"));

    let made = as_json(by(&servers, &ada, "create_todo", &json!({ "title": "Milk" })).await);

    let all = json!({});
    let lists = [&ada, &bob, &Caller::anyone()];
    let mut totals = Vec::new();
    for caller in lists {
        totals.push(as_json(by(&servers, caller, "list_todos", &all).await)["total"].clone());
    }
    assert_eq!(totals, [1, 0, 0]);
    let id = json!({ "id": made["id"] });
    let foreign = by(&servers, &bob, "complete_todo", &id).await.unwrap_err();
    let id_told = made["id"].as_str().unwrap();
    let told = format!("There is no todo with id {id_told}. Call list_todos to see the ids.");
    assert_eq!(foreign, ToolError::Refused(told));
    assert_eq!(as_json(by(&servers, &ada, "get_todo", &id).await), made);
    in_time(servers.shut_down()).await;
}

#[tokio::test]
async fn an_owner_that_a_model_writes_is_an_unknown_argument() {
    let folder = tempfile::tempdir().unwrap();
    let servers = started(settings(vec![todo(folder.path())])).await;

    let written = json!({ "title": "Milk", "owner": "/bob" });
    let refused = by(&servers, &user("ada"), "create_todo", &written).await.unwrap_err();

    let ToolError::Refused(told) = refused else { panic!("{refused:?}") };
    assert!(told.starts_with("The arguments do not fit: unknown field `owner`"), "{told}");
    in_time(servers.shut_down()).await;
}

#[tokio::test]
async fn another_server_is_not_told_for_whom_a_call_is_made() {
    for era in [Era::Sessions, Era::Stateless] {
        let server = McpServer::start(era, &["owner"]).await;
        let told = ServerSettings { tell_owner: true, ..http("told", &server) };
        let servers = started(settings(vec![http("other", &server), told])).await;
        until_offered(&servers, "told__owner").await;

        for (caller, name, expected) in [
            (user("ada"), "other__owner", "none"),
            (user("ada"), "told__owner", "/ada"),
            (Caller::anyone(), "told__owner", "anyone"),
        ] {
            let heard = by(&servers, &caller, name, &json!({})).await.unwrap();
            assert_eq!(heard, expected, "{name}");
        }
        in_time(servers.shut_down()).await;
        server.stop().await;
    }
}

/// With the files of docker-compose.yml, but for the address.
#[tokio::test]
async fn a_todo_server_over_http_keeps_one_list_for_each_user_that_it_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut command = program(folder.path());
    command.args(["todo", "--http", "127.0.0.1:0"]);
    command.env("TODO_TOKENS_FILE", root.join("docker-compose.tokens.json"));
    let server = Running::spawn(&mut command);
    let list = std::fs::read_to_string(root.join("docker-compose.mcp.json")).unwrap();
    let list = list.replace("http://todo:8931", &server.url);
    let list = read_servers(&list, &Variables::default()).unwrap().servers;
    drop(client());

    let servers = started(settings(list)).await;
    by(&servers, &user("ada"), "create_todo", &json!({ "title": "Milk" })).await.unwrap();

    for (name, total) in [("ada", 1), ("bob", 0)] {
        let listed = as_json(by(&servers, &user(name), "list_todos", &json!({})).await);
        assert_eq!(listed["total"], total, "{name}");
    }
    in_time(servers.shut_down()).await;
    drop(server.stop());
}

pub(super) fn user(name: &str) -> Caller {
    Caller::new(Owner::user("", name).unwrap(), &[Scope::Chat])
}

fn as_json(answer: Result<String, ToolError>) -> Value {
    serde_json::from_str(&answer.unwrap()).unwrap()
}

pub(super) async fn by(
    servers: &Servers,
    caller: &Caller,
    name: &str,
    arguments: &Value,
) -> Result<String, ToolError> {
    let call = ToolCall {
        id: "call_1".into(),
        name: name.to_owned(),
        tool: None,
        arguments: arguments.to_string(),
        extra: None,
        key: None,
    };
    let progress = Progress::new(call.id.clone(), listener().0);
    let deadline = Instant::now() + PATIENCE;
    let (interrupt, progress) = (&Interrupt::default(), &progress);
    let request = ToolRequest {
        call: &call,
        caller,
        key: None,
        deadline,
        interrupt,
        progress,
        resumed: None,
    };
    in_time(servers.call(request)).await.map(|output| output.text)
}
