//! Servers that are children of ours: scripts that behave as badly as the real ones.

use tokio::io::AsyncReadExt;

use orchestrator::domain::ServerInstructions;
use orchestrator::mcp::RevisionChoice;

use super::stub::Stub;
use super::*;
use crate::support::watchdog::until;

#[tokio::test]
async fn a_child_s_tools_are_listed_and_called() {
    let stub = Stub::new("well");

    let servers = started(settings(vec![stub.server()])).await;

    assert_eq!(names(&servers), ["go", "tick"]);
    assert_eq!(call(&servers, "go", "{}").await.as_deref(), Ok("done"));
    in_time(servers.shut_down()).await;
    assert_eq!(stub.starts(), 1);
}

#[tokio::test]
async fn a_child_inherits_nothing_but_what_it_needs() {
    let stub = Stub::new("well");

    let servers = started(settings(vec![stub.server()])).await;

    in_time(servers.shut_down()).await;
    let environment = std::fs::read_to_string(stub.path("environment")).unwrap();
    let has = |name: &str| environment.lines().any(|line| line.starts_with(&format!("{name}=")));
    assert!(has("PATH") && has("MODE"));
    // Cargo sets this for every test, so it stands for a key in our environment.
    assert!(!has("CARGO_MANIFEST_DIR"), "{environment}");
}

#[tokio::test]
async fn a_child_that_dies_during_a_call_is_lost_and_restarted() {
    let stub = Stub::new("dies");
    let servers = started(settings(vec![stub.server()])).await;

    let result = call(&servers, "go", "{}").await;

    assert_eq!(result, Err(ToolError::Lost));
    until_missing(&servers).await;
    until_offered(&servers, "go").await;
    assert_eq!(stub.starts(), 2);
    in_time(servers.shut_down()).await;
}

#[tokio::test]
async fn a_call_that_may_happen_twice_outlives_a_restart() {
    let stub = Stub::new("dies_once");
    let mut settings = settings(vec![stub.server()]);
    settings.guard.retries = 100;
    let servers = started(settings).await;

    let result = call(&servers, "tick", "{}").await;

    assert_eq!(result.as_deref(), Ok("done"));
    assert_eq!(stub.starts(), 2);
    in_time(servers.shut_down()).await;
}

#[tokio::test]
async fn a_lost_call_is_never_told_as_not_made() {
    let stub = Stub::new("dies");
    let mut settings = settings(vec![stub.server()]);
    settings.guard.breaker.max_failures = 1;
    settings.guard.breaker.cool_down = Duration::from_mins(10);
    let servers = started(settings).await;

    let first = call(&servers, "tick", "{}").await;
    let second = call(&servers, "tick", "{}").await;

    assert_eq!(first, Err(ToolError::Lost));
    assert_eq!(second, Err(ToolError::Unavailable));
    in_time(servers.shut_down()).await;
}

#[tokio::test]
async fn after_an_answer_that_nobody_can_read_the_effect_is_unknown() {
    let stub = Stub::new("garbled");
    let servers = started(settings(vec![stub.server()])).await;

    let result = call(&servers, "go", "{}").await;

    assert_eq!(result, Err(ToolError::Broken("its answer cannot be read".into())));
    in_time(servers.shut_down()).await;
}

#[tokio::test]
async fn a_child_that_fails_at_first_is_started_again() {
    let stub = Stub::new("third");

    let servers = started(settings(vec![stub.server()])).await;

    assert_eq!(*servers.catalog().missing, ["stub".into()]);
    until_offered(&servers, "go").await;
    assert_eq!(stub.starts(), 3);
    assert_eq!(health(&servers).breaker.calls.failed, 2);
    in_time(servers.shut_down()).await;
}

#[tokio::test]
async fn a_child_that_exits_at_once_is_left_alone_though_turns_want_it() {
    let stub = Stub::new("exits");
    let mut settings = settings(vec![stub.server()]);
    settings.guard.min_delay = Duration::from_mins(10);
    settings.pace.longest_pause = Duration::from_mins(10);

    let servers = started(settings).await;
    in_time(servers.settled()).await;

    assert_eq!(call(&servers, "go", "{}").await, Err(ToolError::Unknown));
    in_time(servers.shut_down()).await;
    assert_eq!(stub.starts(), 1);
}

#[tokio::test]
async fn a_child_without_tools_is_no_child_that_fails() {
    let stub = Stub::new("toolless");

    let servers = started(settings(vec![stub.server()])).await;

    assert!(is_connected(&servers));
    assert_eq!(servers.catalog().missing.len(), 0);
    assert_eq!(health(&servers).breaker.calls.failed, 0);
    in_time(servers.shut_down()).await;
}

#[tokio::test]
async fn a_mute_child_does_not_hang_the_start() {
    let stub = Stub::new("mute");
    let mut settings = settings(vec![stub.server()]);
    settings.connect_timeout = Duration::from_millis(300);

    let servers = started(settings).await;

    assert_eq!(*servers.catalog().missing, ["stub".into()]);
    in_time(servers.shut_down()).await;
}

#[tokio::test]
async fn a_child_struck_dumb_by_the_new_question_is_asked_the_old_one() {
    let stub = Stub::new("dumb");
    let mut settings = settings(vec![stub.server()]);
    settings.connect_timeout = Duration::from_millis(500);

    let servers = started(settings).await;

    until_offered(&servers, "go").await;
    assert_eq!(version(&servers).as_deref(), Some("2025-11-25"));
    in_time(servers.shut_down()).await;
}

#[tokio::test]
async fn a_child_whose_entry_names_its_era_is_asked_no_other_question() {
    let (old, new) = (Stub::new("dumb"), Stub::new("well"));
    let named = |stub: &Stub, revision| ServerSettings { revision, ..stub.server() };
    let servers = vec![named(&old, RevisionChoice::Sessions)];

    let servers = started(settings(servers)).await;

    until_offered(&servers, "go").await;
    assert_eq!(old.starts(), 1);
    in_time(servers.shut_down()).await;

    let servers = started(settings(vec![named(&new, RevisionChoice::Stateless)])).await;
    let is_tried_again = until("it is tried again", || new.starts() > 3);
    in_time(is_tried_again).await;
    let seen = std::fs::read_to_string(new.path("environment")).unwrap();
    assert!(!seen.contains("initialize") && !is_connected(&servers), "{seen}");
    in_time(servers.shut_down()).await;
}

#[tokio::test]
async fn what_a_child_says_about_itself_reaches_the_model_under_its_name() {
    let servers = started(settings(vec![Stub::new("talks").server()])).await;

    let catalog = servers.catalog();
    let [ServerInstructions { server, text }] = catalog.instructions.as_slice() else {
        panic!("{catalog:?}")
    };
    assert_eq!(&**server, "stub");
    assert!(text.starts_with("Go slowly. xxx") && text.ends_with("… [cut]"), "{text}");
    assert_eq!(text.chars().count(), 2_000 + "… [cut]".chars().count());
    in_time(servers.shut_down()).await;
}

#[tokio::test]
async fn a_child_of_the_older_era_is_asked_for_a_revision_of_that_era() {
    for mode in ["well", "dumb"] {
        let stub = Stub::new(mode);
        let mut settings = settings(vec![stub.server()]);
        settings.connect_timeout = Duration::from_millis(500);

        let servers = started(settings).await;
        until_offered(&servers, "go").await;

        let hello = std::fs::read_to_string(stub.path("environment")).unwrap();
        assert!(hello.contains(r#""protocolVersion":"2025-11-25""#), "{mode}: {hello}");
        in_time(servers.shut_down()).await;
    }
}

#[tokio::test]
async fn a_child_that_chatters_is_understood_all_the_same() {
    let stub = Stub::new("garbage");

    let servers = started(settings(vec![stub.server()])).await;

    until_offered(&servers, "go").await;
    in_time(servers.shut_down()).await;
}

#[tokio::test]
async fn a_hung_child_is_killed_and_restarted() {
    let stub = Stub::new("hangs");
    let mut settings = settings(vec![stub.server()]);
    settings.connect_timeout = Duration::from_secs(1);
    settings.call_timeout = Duration::from_millis(200);
    let servers = started(settings).await;

    let result = call(&servers, "go", "{}").await;

    assert_eq!(result, Err(ToolError::TimedOut));
    until_missing(&servers).await;
    until_offered(&servers, "go").await;
    assert_eq!(call(&servers, "go", "{}").await.as_deref(), Ok("done"));
    in_time(servers.shut_down()).await;
}

#[tokio::test]
async fn a_child_whose_tools_change_during_a_long_call_is_not_given_up() {
    let stub = Stub::new("busy");
    let mut settings = settings(vec![stub.server()]);
    settings.connect_timeout = Duration::from_millis(300);
    let servers = started(settings).await;
    until_offered(&servers, "go").await;
    let before = stub.starts();

    let result = call(&servers, "go", "{}").await;

    assert_eq!(result.as_deref(), Ok("done"));
    assert_eq!(stub.starts(), before);
    in_time(servers.shut_down()).await;
}

#[tokio::test]
async fn a_child_that_was_just_lost_is_waited_for_until_it_was_tried_again() {
    let stub = Stub::new("dies");
    let servers = started(settings(vec![stub.server()])).await;

    call(&servers, "go", "{}").await.unwrap_err();
    until_missing(&servers).await;
    in_time(servers.settled()).await;

    assert_eq!(names(&servers), ["go", "tick"]);
    in_time(servers.shut_down()).await;
}

#[tokio::test]
async fn a_child_that_is_left_alone_for_long_is_not_waited_for() {
    let stub = Stub::new("dies");
    let mut settings = settings(vec![stub.server()]);
    settings.guard.breaker.max_failures = 1;
    settings.guard.breaker.cool_down = Duration::from_mins(10);
    let servers = started(settings).await;

    call(&servers, "go", "{}").await.unwrap_err();
    until_missing(&servers).await;
    in_time(servers.settled()).await;

    assert_eq!(*servers.catalog().missing, ["stub".into()]);
    in_time(servers.shut_down()).await;
}

#[tokio::test]
async fn shutting_down_leaves_no_child_or_grandchild_behind() {
    for mode in ["well", "stubborn"] {
        let stub = Stub::new(mode);
        let mut lifeline = stub.lifeline();
        let servers = started(settings(vec![stub.server()])).await;

        in_time(servers.shut_down()).await;

        assert_eq!(in_time(lifeline.read(&mut [0])).await.unwrap(), 0);
        assert_eq!(names(&servers), [""; 0]);
    }
}

#[tokio::test]
async fn forgetting_the_servers_leaves_no_child_behind() {
    let stub = Stub::new("well");
    let mut lifeline = stub.lifeline();
    let servers = started(settings(vec![stub.server()])).await;

    drop(servers);

    assert_eq!(in_time(lifeline.read(&mut [0])).await.unwrap(), 0);
}

#[tokio::test]
async fn a_program_that_appears_serves_the_turn_that_wants_it_however_long_the_pause() {
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("later");
    let (command, args, env) = (program.to_str().unwrap().to_owned(), Vec::new(), Vec::new());
    let server = trusted("stub", Transport::Child { command, args, env, cwd: None });
    let mut settings = settings(vec![server]);
    settings.guard.min_delay = Duration::from_mins(10);
    settings.pace.longest_pause = Duration::from_mins(10);
    let servers = started(settings).await;
    assert!(!is_connected(&servers));

    let stub = Stub::new("well");
    stub.write_program(&program);
    let began = Instant::now();
    in_time(async {
        while !is_connected(&servers) {
            servers.settled().await;
        }
    })
    .await;

    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    assert_eq!(call(&servers, "go", "{}").await.as_deref(), Ok("done"));
    in_time(servers.shut_down()).await;
}

#[tokio::test]
async fn a_missing_program_is_told_and_tried_again() {
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("later");
    let transport = Transport::Child {
        command: program.to_str().unwrap().to_owned(),
        args: Vec::new(),
        env: Vec::new(),
        cwd: None,
    };
    let server = trusted("stub", transport);

    let servers = started(settings(vec![server])).await;

    assert!(!is_connected(&servers));
    assert!(health(&servers).breaker.calls.failed >= 1);
    let stub = Stub::new("well");
    stub.write_program(&program);
    until_offered(&servers, "go").await;
    in_time(servers.shut_down()).await;
}
