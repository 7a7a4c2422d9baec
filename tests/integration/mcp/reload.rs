//! Other servers while turns run: what is unchanged is left alone, and nobody's tools are taken away.

use std::convert::Infallible;

use orchestrator::domain::{ApprovalRule, Reloaded};
use orchestrator::mcp::{ApprovalRules, ToolFilter};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::unix::pipe::Receiver;

use super::asking::city;
use super::stub::Stub;
use super::*;
use crate::support::app::{Choices, TestApp, add};
use crate::support::doubles::{ScriptedModel, calls, says};
use crate::support::mcp_server::Era;
use crate::support::watchdog::until;

#[tokio::test]
async fn an_unchanged_server_keeps_its_session_and_its_running_calls() {
    let server = McpServer::start(Era::Sessions, &["gated"]).await;
    let other = McpServer::start(Era::Sessions, &["echo"]).await;
    let one = || http("one", &server);
    let servers = started(settings(vec![one(), http("other", &other)])).await;
    let running = tokio::spawn(called(&servers, "one__gated"));
    until("the call has begun", || !server.calls().is_empty()).await;

    let other = ServerSettings { call_timeout: Some(PATIENCE), ..http("other", &other) };
    let reloaded = reload(&servers, vec![one(), other]);

    assert_eq!((reloaded.kept, reloaded.changed), (vec!["one".into()], vec!["other".into()]));
    in_time(servers.settled()).await;
    assert!(!running.is_finished());
    server.open_gate();
    assert_eq!(in_time(running).await.unwrap().as_deref(), Ok("{}"));
    assert_eq!(call(&servers, "one__gated", "{}").await.as_deref(), Ok("{}"));
    assert_eq!(server.sessions(), 1);
    in_time(servers.shut_down()).await;
}

#[tokio::test]
async fn calls_that_run_end_on_the_server_that_was_changed_or_removed() {
    for changes in [true, false] {
        let stub = Stub::new("gated");
        let servers = started(settings(vec![stub.server()])).await;
        let lifeline = stub.lifeline();
        let running = tokio::spawn(called(&servers, "go"));
        let mut gate = stub.gate().await;

        let next = ServerSettings { call_timeout: Some(PATIENCE), ..stub.server() };
        let reloaded = reload(&servers, changes.then_some(next).into_iter().collect());

        let name = vec!["stub".to_owned()];
        let told = if changes { reloaded.changed } else { reloaded.removed };
        assert_eq!(told, name);
        in_time(servers.settled()).await;
        assert_eq!(names(&servers).is_empty(), !changes);
        until("the changed one has started", || stub.starts() > usize::from(changes)).await;
        assert!(!running.is_finished());
        gate.write_all(b"\n").await.unwrap();
        assert_eq!(in_time(running).await.unwrap().as_deref(), Ok("done"));
        // The pipe is held by the new one as well.
        if changes {
            in_time(servers.shut_down()).await;
        }
        nobody_is_left(lifeline).await;
        in_time(servers.shut_down()).await;
    }
}

#[tokio::test]
async fn a_changed_server_serves_as_before_until_it_answers_and_never_more_than_it_may_then() {
    let server = McpServer::start(Era::Stateless, &["echo", "read_it"]).await;
    let servers = started(settings(vec![http("one", &server)])).await;
    let tools = ToolFilter { allow: None, deny: vec!["echo".to_owned()] };

    let approval = ApprovalRules(vec![("*".to_owned(), ApprovalRule::Always)]);
    let broken = ServerSettings { tools, approval, ..trusted("one", missing()) };
    assert_eq!(reload(&servers, vec![broken]).changed, ["one"]);

    in_time(servers.settled()).await;
    until("the mistake is told", || advice(&servers).contains("change its command")).await;
    assert_eq!(names(&servers), ["read_it"]);
    assert_eq!(servers.catalog().tools[0].approval, Some(ApprovalRule::Always));
    assert_eq!(call(&servers, "read_it", "{}").await.as_deref(), Ok("{}"));
    assert!(advice(&servers).contains("serves as before"), "{}", advice(&servers));
    assert!(is_connected(&servers));
    // Mended: the next one answers, and takes over.
    let stub = Stub::new("well");
    let mended = ServerSettings { name: "one".to_owned(), ..stub.server() };
    assert_eq!(reload(&servers, vec![mended]).changed, ["one"]);
    until_offered(&servers, "go").await;
    assert_eq!(names(&servers), ["go", "tick"]);
    assert_eq!(advice(&servers), "");
    in_time(servers.shut_down()).await;
}

#[tokio::test]
async fn until_a_changed_server_answers_nothing_is_allowed_that_waited_before() {
    let rule = |of| ApprovalRules(vec![("*".to_owned(), of)]);
    let server = McpServer::start(Era::Stateless, &["echo"]).await;
    let strict = ServerSettings { approval: rule(ApprovalRule::Always), ..http("one", &server) };
    let servers = started(settings(vec![strict])).await;
    let (mute, well) = (Stub::new("mute"), Stub::new("well"));
    let loose = |stub: &Stub| ServerSettings {
        name: "one".to_owned(),
        trust: Trust::Trusted,
        approval: rule(ApprovalRule::Never),
        ..stub.server()
    };

    assert_eq!(reload(&servers, vec![loose(&mute)]).changed, ["one"]);

    assert_eq!(names(&servers), ["echo"]);
    assert_eq!(servers.catalog().tools[0].approval, Some(ApprovalRule::Always));
    assert_eq!(reload(&servers, vec![loose(&well)]).changed, ["one"]);
    until_offered(&servers, "go").await;
    assert_eq!(servers.catalog().tools[0].approval, Some(ApprovalRule::Never));
    in_time(servers.shut_down()).await;
}

#[tokio::test]
async fn what_is_changed_back_before_it_had_an_effect_is_the_server_of_before() {
    let server = McpServer::start(Era::Sessions, &["echo"]).await;
    let servers = started(settings(vec![http("one", &server)])).await;
    let mute = ServerSettings { name: "one".to_owned(), ..Stub::new("mute").server() };

    assert_eq!(reload(&servers, vec![mute]).changed, ["one"]);
    assert_eq!(call(&servers, "echo", "{}").await.as_deref(), Ok("{}"));
    assert_eq!(reload(&servers, vec![http("one", &server)]).kept, ["one"]);

    assert_eq!(call(&servers, "echo", "{}").await.as_deref(), Ok("{}"));
    assert_eq!((server.sessions(), advice(&servers)), (1, String::new()));
    in_time(servers.shut_down()).await;
}

#[tokio::test]
async fn a_call_that_waits_at_a_server_that_serves_as_before_can_be_given_up() {
    let server = McpServer::start(Era::Sessions, &["survey"]).await;
    let servers = started(settings(vec![http("one", &server)])).await;
    until_offered(&servers, "survey").await;
    assert_eq!(reload(&servers, vec![trusted("one", missing())]).changed, ["one"]);

    let arguments = json!({ "forms": city() }).to_string();
    let Err(ToolError::Asks(inquiry)) = call(&servers, "survey", &arguments).await else {
        panic!("it did not ask")
    };
    servers.give_up(inquiry.continuation.ticket().unwrap());

    until("the server was told", || server.got().contains("cancel")).await;
    in_time(servers.shut_down()).await;
}

#[tokio::test]
async fn a_changed_child_that_fails_beside_the_one_of_before_has_its_place_in_the_end() {
    let stub = Stub::new("alone");
    let mut settings = settings(vec![stub.server()]);
    settings.guard.breaker.max_failures = 2;
    let servers = started(settings).await;
    until_offered(&servers, "go").await;

    let next = ServerSettings { call_timeout: Some(PATIENCE), ..stub.server() };
    assert_eq!(reload(&servers, vec![next]).changed, ["stub"]);

    until("it has failed beside the other", || stub.starts() > 2).await;
    until("it serves", || is_connected(&servers) && advice(&servers).is_empty()).await;
    assert_eq!(call(&servers, "go", "{}").await.as_deref(), Ok("done"));
    in_time(servers.shut_down()).await;
}

#[tokio::test]
async fn whom_a_server_acts_for_is_changed_at_once() {
    let server = McpServer::start(Era::Stateless, &["echo"]).await;
    let servers = started(settings(vec![http("one", &server)])).await;
    let mute = ServerSettings { name: "one".to_owned(), ..Stub::new("mute").server() };

    let less_trusted = ServerSettings { trust: Trust::Untrusted, ..mute.clone() };
    reload(&servers, vec![less_trusted]);
    assert_eq!(*servers.catalog().missing, ["one".into()]);

    reload(&servers, vec![http("one", &server)]);
    until_offered(&servers, "echo").await;
    reload(&servers, vec![ServerSettings { tell_owner: true, ..mute }]);
    assert_eq!(*servers.catalog().missing, ["one".into()]);
    in_time(servers.shut_down()).await;
}

#[tokio::test]
async fn a_reload_tries_a_kept_server_that_is_not_connected_whatever_its_pause() {
    let stub = Stub::new("third");
    let mut settings = settings(vec![stub.server()]);
    settings.guard.min_delay = Duration::from_mins(10);
    settings.pace.longest_pause = Duration::from_mins(10);
    let servers = started(settings).await;

    for starts in 2..=3 {
        let reloaded = reload(&servers, vec![stub.server()]);
        assert_eq!(reloaded.kept, ["stub"]);
        until("it was tried", || stub.starts() == starts).await;
    }

    until_offered(&servers, "go").await;
    in_time(servers.shut_down()).await;
}

#[tokio::test]
async fn a_server_that_hangs_holds_no_reload_up_and_is_gone_after_it() {
    let (mute, stub) = (Stub::new("mute"), Stub::new("well"));
    let hanging = ServerSettings { name: "mute".into(), ..mute.server() };
    let servers = Servers::start(settings(vec![hanging]), CancellationToken::new());
    until("it has started", || mute.path("starts").exists()).await;
    let lifeline = mute.lifeline();

    let began = Instant::now();
    let reloaded = reload(&servers, vec![stub.server()]);

    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
    assert_eq!((reloaded.added, reloaded.removed), (vec!["stub".into()], vec!["mute".into()]));
    until_offered(&servers, "go").await;
    nobody_is_left(lifeline).await;
    in_time(servers.shut_down()).await;
}

#[tokio::test]
async fn a_list_with_faults_changes_nothing() {
    let stub = Stub::new("well");
    let servers = started(settings(vec![stub.server()])).await;

    let refused = servers.reload(|| Err("a fault"));

    assert_eq!(refused, Err("a fault"));
    assert_eq!(call(&servers, "go", "{}").await.as_deref(), Ok("done"));
    assert_eq!(stub.starts(), 1);
    in_time(servers.shut_down()).await;
}

#[tokio::test]
async fn a_turn_keeps_the_tools_that_it_began_with_and_the_next_has_the_new_ones() {
    let server = McpServer::start(Era::Sessions, &["gated", "echo"]).await;
    let later = McpServer::start(Era::Sessions, &["novel"]).await;
    let stub = Stub::new("well");
    let servers = started(settings(vec![http("one", &server), stub.server()])).await;
    let lifeline = stub.lifeline();
    let model = ScriptedModel::new([
        calls(&[("one__gated", json!({}))]),
        calls(&[("stub__go", json!({}))]),
        says("Done."),
        says("Again."),
    ]);
    let (asked, tools) = (Arc::clone(&model), Arc::clone(&servers));
    let app = Arc::new(TestApp::new(Choices { model, tools, ..Choices::default() }).await);
    let turn = tokio::spawn({
        let app = Arc::clone(&app);
        async move { app.create("go").await }
    });
    until("the call has begun", || !server.calls().is_empty()).await;

    let reloaded = reload(&servers, vec![http("later", &later)]);
    in_time(servers.settled()).await;
    server.open_gate();
    let answer = in_time(turn).await.unwrap();
    nobody_is_left(lifeline).await;
    let next = app.post("/chatkit", &add(&answer.thread_id(), "go on")).await;

    assert_eq!(reloaded.removed, ["one", "stub"]);
    let tools: Vec<_> = asked.asked().into_iter().map(|asked| asked.tools).collect();
    let old = ["one__gated", "one__echo", "stub__go", "stub__tick", "ask_user"];
    assert_eq!(tools[..3], [old, old, old]);
    assert_eq!(tools[3], ["novel", "ask_user"]);
    assert!(answer.text.contains("Done.") && !answer.text.contains("cannot be reached"));
    assert!(next.text.contains("Again."), "{}", next.text);
    in_time(servers.shut_down()).await;
}

#[tokio::test]
async fn no_call_of_a_turn_fails_however_often_its_servers_are_replaced() {
    let kept = McpServer::start(Era::Sessions, &["echo"]).await;
    let other = McpServer::start(Era::Sessions, &["echo"]).await;
    let list = |round: u64| {
        let call_timeout = Some(Duration::from_secs(10 + round));
        vec![http("kept", &kept), ServerSettings { call_timeout, ..http("other", &other) }]
    };
    let servers = started(settings(list(0))).await;
    let turns = (0..4).map(|_| {
        let servers = Arc::clone(&servers);
        tokio::spawn(async move {
            for _ in 0..10 {
                let turn = servers.for_turn().unwrap();
                turn.settled().await;
                for name in ["other__echo", "kept__echo", "other__echo"] {
                    assert_eq!(call_with(&*turn, name, "{}").await.as_deref(), Ok("{}"), "{name}");
                }
            }
        })
    });
    let turns: Vec<_> = turns.collect();

    let mut round = 0;
    while !turns.iter().all(tokio::task::JoinHandle::is_finished) {
        round += 1;
        assert_eq!(reload(&servers, list(round)).changed, ["other"]);
        until("the change has its effect", || {
            servers.report().into_iter().all(|server| advice_in(server).is_empty())
        })
        .await;
    }

    for turn in turns {
        in_time(turn).await.unwrap();
    }
    assert!(round > 1, "{round} reloads");
    assert_eq!((kept.sessions(), kept.calls().len(), other.calls().len()), (1, 40, 80));
    in_time(servers.shut_down()).await;
}

#[tokio::test]
async fn reloads_at_once_come_one_after_the_other() {
    let server = McpServer::start(Era::Stateless, &["echo"]).await;
    let servers = started(settings(vec![http("one", &server)])).await;
    let named = |index: usize| http(&format!("s{index}"), &server);

    let reloads = (0..8).map(|index| {
        let (servers, list) = (Arc::clone(&servers), vec![named(index)]);
        tokio::task::spawn_blocking(move || reload(&servers, list))
    });
    let mut all = Vec::new();
    for reloaded in reloads.collect::<Vec<_>>() {
        all.push(in_time(reloaded).await.unwrap());
    }

    let added: usize = all.iter().map(|one| one.added.len()).sum();
    let removed: usize = all.iter().map(|one| one.removed.len()).sum();
    assert_eq!((added, removed), (8, 8), "each takes away what the one before it added: {all:?}");
    in_time(servers.shut_down()).await;
}

fn advice(servers: &Servers) -> String {
    advice_in(health(servers))
}

fn advice_in(server: Dependency) -> String {
    match server.detail {
        Detail::Mcp { advice, .. } => advice.unwrap_or_default(),
        Detail::Model { .. } | Detail::Fallback { .. } | Detail::Keys { .. } | Detail::Database => {
            String::new()
        }
    }
}

/// Its program is nowhere, so it never takes over.
fn missing() -> Transport {
    let command = "/nowhere/at/all".to_owned();
    Transport::Child { command, args: Vec::new(), env: Vec::new(), cwd: None }
}

fn reload(servers: &Servers, list: Vec<ServerSettings>) -> Reloaded {
    let read: Result<_, Infallible> = Ok(list);
    let Ok(reloaded) = servers.reload(|| read);
    reloaded
}

/// A call that can run beside the test.
fn called(
    servers: &Arc<Servers>,
    name: &'static str,
) -> impl Future<Output = Result<String, ToolError>> + Send + use<> {
    let servers = Arc::clone(servers);
    async move { call(&servers, name, "{}").await }
}

/// Ends once every process that holds the pipe is gone.
async fn nobody_is_left(mut lifeline: Receiver) {
    let left = in_time(lifeline.read(&mut [0])).await.unwrap();
    assert_eq!(left, 0);
}
