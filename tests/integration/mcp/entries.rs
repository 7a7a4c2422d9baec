//! What an entry of the file does: folder, variables, limits, and which tools are let in.

use orchestrator::mcp::{ServerList, ToolFilter, Variables, read_servers};
use serde_json::json;
use tracing::Level;

use super::stub::Stub;
use super::*;
use crate::support::log::Log;
use crate::support::mcp_server::Era;

#[tokio::test]
async fn a_child_starts_in_its_folder_with_its_variables_filled_in() {
    let (stub, folder) = (Stub::new("well"), tempfile::tempdir().unwrap());
    let Transport::Child { command, args, env, .. } = stub.server().transport else {
        unreachable!()
    };
    let env = env.iter().map(|(name, value)| (name.clone(), json!(value.expose())));
    let env: serde_json::Map<_, _> = env.chain([("TOKEN".into(), json!("${SECRET}"))]).collect();
    let entry = json!({ "command": command, "args": args, "env": env, "cwd": "${FOLDER}" });
    // The script has variables of its own.
    let file = json!({ "mcpServers": { "stub": entry } }).to_string();
    let script = read(&file, &[("FOLDER", folder.path().to_str().unwrap()), ("SECRET", "k")]);
    assert!(script.servers.is_empty(), "{script:?}");
    let path = stub.path("program");
    stub.write_program(&path);
    let file = json!({ "mcpServers": { "stub": { "command": "${PROGRAM}", "cwd": "${FOLDER}",
        "env": { "TOKEN": "${SECRET}" } } } });
    let variables = [
        ("PROGRAM", path.to_str().unwrap()),
        ("FOLDER", folder.path().to_str().unwrap()),
        ("SECRET", "from outside"),
    ];

    let servers = started(settings(read(&file.to_string(), &variables).servers)).await;

    in_time(servers.shut_down()).await;
    let seen = std::fs::read_to_string(stub.path("environment")).unwrap();
    assert!(seen.contains("TOKEN=from outside\n"), "{seen}");
    let here = folder.path().canonicalize().unwrap();
    assert!(seen.lines().any(|line| line == here.to_str().unwrap()), "{seen}");
}

#[tokio::test]
async fn a_folder_or_a_command_that_is_missing_is_told_with_what_to_change() {
    let nowhere = Some("/nowhere/at/all".to_owned());
    let child = |command: &str, cwd: Option<String>| Transport::Child {
        command: command.to_owned(),
        args: Vec::new(),
        env: Vec::new(),
        cwd,
    };
    for (transport, advice) in [
        (child("sh", nowhere), "its cwd is no folder; change it or make that folder"),
        (child("/nowhere/sh", None), "change its command"),
    ] {
        let servers = started(settings(vec![trusted("one", transport)])).await;

        let Detail::Mcp { advice: Some(told), .. } = health(&servers).detail else {
            panic!("no advice")
        };
        assert!(told.contains(advice) && !told.contains("nowhere"), "{told}");
        in_time(servers.shut_down()).await;
    }
}

#[tokio::test]
async fn only_tools_that_are_let_in_are_offered_and_called() {
    let server = McpServer::start(Era::Stateless, &["read_a", "read_b", "write", "echo"]).await;
    let filter = |allow: Option<&[&str]>, deny: &[&str]| ToolFilter {
        allow: allow.map(|names| names.iter().map(ToString::to_string).collect()),
        deny: deny.iter().map(ToString::to_string).collect(),
    };
    for (tools, offered) in [
        (filter(None, &["read_*"]), &["write", "echo"][..]),
        (filter(Some(&["read_*", "echo"]), &["*_b"]), &["read_a", "echo"]),
        (filter(Some(&["read_a"]), &["read_a"]), &[]),
        (filter(Some(&["w*t*"]), &[]), &["write"]),
        (filter(Some(&[]), &[]), &[]),
    ] {
        let one = ServerSettings { tools, ..http("one", &server) };

        let servers = started(settings(vec![one])).await;

        assert_eq!(names(&servers), offered);
        if !offered.contains(&"write") {
            assert_eq!(call(&servers, "write", "{}").await, Err(ToolError::Unknown));
        }
        in_time(servers.shut_down()).await;
    }
    assert_eq!(server.calls(), [""; 0]);
}

#[tokio::test]
async fn a_name_that_no_tool_has_is_warned_of_once() {
    let (log, _guard) = Log::at(Level::WARN);
    let server = McpServer::start(Era::Sessions, &["read_a", "echo"]).await;
    let names = |names: &[&str]| names.iter().map(ToString::to_string).collect();
    let tools = ToolFilter { allow: Some(names(&["read_*", "ecko"])), deny: names(&["drop_*"]) };
    let servers = started(settings(vec![ServerSettings { tools, ..http("one", &server) }])).await;

    server.set_tools(&["read_a", "read_b"]).await;
    until_offered(&servers, "read_b").await;

    let text = log.text();
    assert!(text.contains(r#""names":"ecko, drop_*""#), "{text}");
    assert_eq!(text.lines().count(), 1, "{text}");
    in_time(servers.shut_down()).await;
}

#[tokio::test]
async fn a_server_has_its_own_limit_for_its_calls() {
    let server = McpServer::start(Era::Stateless, &["hang"]).await;
    let call_timeout = Some(Duration::from_millis(200));
    let brief = ServerSettings { call_timeout, ..http("brief", &server) };
    let servers = started(settings(vec![brief])).await;

    let began = Instant::now();
    let result = call(&servers, "hang", "{}").await;

    assert_eq!(result, Err(ToolError::TimedOut));
    assert!(began.elapsed() < settings(Vec::new()).call_timeout, "{:?}", began.elapsed());
    in_time(servers.shut_down()).await;
}

#[tokio::test]
async fn a_server_with_faults_costs_itself_alone_and_is_told() {
    let (log, _guard) = Log::at(Level::WARN);
    let server = McpServer::start(Era::Stateless, &["echo"]).await;
    let file = json!({ "mcpServers": {
        "good": { "url": server.url(), "tols": {} },
        "bad": { "url": "${HUSH_URL}", "timeout_seconds": "hush" },
        "hush hush": { "command": "x" },
    } });
    let ServerList { servers, faults, warnings } = read(&file.to_string(), &[]);

    let servers = started(Settings { faults, warnings, ..settings(servers) }).await;

    assert_eq!(names(&servers), ["good__echo"], "as if all were there");
    let missing = servers.catalog().missing.clone();
    assert_eq!(missing, ["bad".into(), "number 3".into()]);
    let text = log.text();
    for part in [
        r#"server bad: \"url\" needs the variable HUSH_URL, which is not set"#,
        r#"server bad: \"timeout_seconds\" must be a number above 0"#,
        "server number 3: its name must be",
        r#"server good: \"tols\" is not known here and does nothing"#,
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(!text.contains("hush"), "{text}");
    let Some(Dependency { detail: Detail::Mcp { connected, advice, .. }, .. }) =
        servers.report().into_iter().find(|it| it.name == "mcp:bad")
    else {
        panic!("no report")
    };
    let advice = advice.unwrap();
    assert!(!connected && advice.contains("HUSH_URL") && advice.contains("above 0"), "{advice}");
    in_time(servers.shut_down()).await;
}

fn read(file: &str, variables: &[(&str, &str)]) -> ServerList {
    let secret = |(name, value): &(&str, &str)| {
        ((*name).to_owned(), orchestrator::domain::Secret::new(*value))
    };
    read_servers(file, &variables.iter().map(secret).collect::<Variables>()).unwrap()
}
