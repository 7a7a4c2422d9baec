//! The table of faults: what a server does in a call, how the call ends and after which time, and
//! how soon the server is of use when it is itself again. `--nocapture` prints it.

use orchestrator::agents::Certainty;
use orchestrator::domain::BreakerState;
use tokio::runtime::{Builder, Runtime};

use super::stub::Stub;
use super::*;
use crate::support::mcp_server::{Era, HOG, Mood};
use crate::support::watchdog::{until, until_async};

/// The limit of each call.
const LIMIT: Duration = Duration::from_secs(2);
/// Beyond both: what a machine needs that does ten things at once. The table shows what it was.
const SLACK: Duration = Duration::from_secs(6);
/// How soon a server is of use that came back.
const SOON: Duration = Duration::from_secs(2);

/// How a call may end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Answered,
    /// Nothing was done, and the model is told so.
    NotMade,
    Unknown,
}

/// With the pauses of the real program, but for the limit of a call.
fn as_operated(servers: Vec<ServerSettings>) -> Settings {
    let breaker = BreakerSettings { max_failures: 5, cool_down: Duration::from_secs(30) };
    let (min_delay, max_delay) = (Duration::from_millis(250), Duration::from_secs(4));
    let guard = GuardSettings { breaker, retries: 2, min_delay, max_delay, jitter: true };
    let (call_timeout, connect_timeout) = (LIMIT, Duration::from_secs(15));
    Settings { call_timeout, connect_timeout, guard, pace: Pace::default(), ..settings(servers) }
}

fn end_of(result: &Result<String, ToolError>) -> End {
    match result.as_ref().map_err(ToolError::certainty) {
        Ok(_) => End::Answered,
        Err(Certainty::NotMade) => End::NotMade,
        Err(Certainty::Refused | Certainty::Asks | Certainty::Unknown) => End::Unknown,
    }
}

/// Servers on threads of their own, so that their tasks can be counted.
struct Alone {
    servers: Arc<Servers>,
    runtime: Runtime,
}

impl Alone {
    async fn start(servers: Vec<ServerSettings>) -> Self {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let entered = runtime.enter();
        let servers = Servers::start(as_operated(servers), CancellationToken::new());
        drop(entered);
        in_time(servers.settled()).await;
        Self { servers, runtime }
    }

    /// Shuts down. No task is left then, and no child either: a task waits for each.
    async fn end(self, what: &str) {
        in_time(self.servers.shut_down()).await;
        let tasks = || self.runtime.metrics().num_alive_tasks();
        until(&format!("{what}: nothing is left"), || tasks() == 0).await;
        self.runtime.shutdown_background();
    }
}

/// Calls until it works, as turns would, and says how long that took.
async fn usable(servers: &Servers, tool: &str) -> Duration {
    let began = Instant::now();
    until_async("the server is of use again", async || {
        let turn = servers.for_turn().unwrap();
        turn.settled().await;
        call_with(&*turn, tool, "{}").await.is_ok()
    })
    .await;
    began.elapsed()
}

/// Prints a row and checks what holds of all of them.
fn row(what: &str, result: &Result<String, ToolError>, took: Duration, usable: Duration) {
    let words = result.as_ref().map_or_else(ToString::to_string, |_| "an answer".to_owned());
    println!("{what:<40} | {took:>7.0?} | {usable:>7.0?} | {words}");
    assert!(took < LIMIT + SLACK, "{what}: {took:?}");
    assert!(usable < SOON + SLACK, "{what}: {usable:?}");
}

#[tokio::test]
async fn whatever_a_child_does_its_call_ends_and_it_is_soon_of_use_again() {
    let rows = [
        ("a child that dies in a call", "dies_once", End::Unknown, 1),
        ("a child that hangs (SIGSTOP)", "hangs", End::Unknown, 1),
        ("a child that pings without a pause", "pings", End::Unknown, 1),
        ("a child that writes rubbish without end", "junk", End::Unknown, 1),
        ("a child that writes no end of a line", "endless", End::Unknown, 1),
        ("a child whose answer is torn", "torn_once", End::Unknown, 0),
        ("a child that writes rubbish at first", "garbage", End::Answered, 0),
        ("a child that fills its stderr", "noisy", End::Answered, 0),
        ("a child that is merely busy", "busy", End::Answered, 0),
    ];
    for (what, mode, end, failures) in rows {
        let stub = Stub::new(mode);
        let alone = Alone::start(vec![stub.server()]).await;
        let servers = &alone.servers;
        until_offered(servers, "go").await;

        let began = Instant::now();
        let result = call(servers, "go", "{}").await;
        let took = began.elapsed();
        assert_eq!(end_of(&result), end, "{what}: {result:?}");
        let breaker = health(servers).breaker;
        assert_eq!(breaker.calls.failed, failures, "{what}");
        assert_eq!(breaker.state, BreakerState::Closed, "{what}");
        if mode == "hangs" {
            // It is in doubt for five seconds before it is given up.
            until("it is given up", || stub.starts() > 1).await;
        }
        let again = if mode == "busy" { Duration::ZERO } else { usable(servers, "go").await };
        row(what, &result, took, again);

        alone.end(what).await;
    }
}

#[tokio::test]
async fn a_child_that_exits_at_once_is_missed_and_its_server_is_of_use_when_it_starts() {
    let (what, stub) = ("a child that exits at once", Stub::new("third"));
    let alone = Alone::start(vec![stub.server()]).await;
    let servers = &alone.servers;

    let began = Instant::now();
    let result = call(servers, "go", "{}").await;
    let took = began.elapsed();

    assert_eq!(end_of(&result), End::NotMade);
    assert_eq!(*servers.catalog().missing, ["stub".into()]);
    row(what, &result, took, usable(servers, "go").await);
    alone.end(what).await;
}

#[tokio::test]
async fn whatever_a_server_over_http_answers_its_call_ends_and_it_is_soon_of_use_again() {
    let rows = [
        ("HTTP 401", Mood::Status(401), End::NotMade, 0),
        ("HTTP 404", Mood::Status(404), End::NotMade, 0),
        ("HTTP 429", Mood::Status(429), End::NotMade, 0),
        ("HTTP 500", Mood::Status(500), End::Unknown, 1),
        ("a page of HTML", Mood::Html, End::Unknown, 1),
        ("a redirect to another place", Mood::Redirect, End::NotMade, 0),
        ("an answer that breaks off", Mood::BreaksOff, End::Unknown, 1),
        ("no answer", Mood::Silent, End::Unknown, 1),
        ("notifications without an end", Mood::Floods, End::Unknown, 1),
    ];
    for (era, said) in [(Era::Sessions, "2025"), (Era::Stateless, "2026")] {
        for (what, mood, end, failures) in rows {
            let what = format!("{said}: {what}");
            let server = McpServer::start(era, &["echo"]).await;
            let alone = Alone::start(vec![http("one", &server)]).await;
            let servers = &alone.servers;
            until_offered(servers, "echo").await;

            server.set_mood(Some(mood));
            let began = Instant::now();
            let result = call(servers, "echo", "{}").await;
            let took = began.elapsed();
            assert_eq!(end_of(&result), end, "{what}: {result:?}");
            let breaker = health(servers).breaker;
            assert!(breaker.consecutive_failures <= failures.max(1), "{what}: {breaker:?}");
            assert_eq!(breaker.state, BreakerState::Closed, "{what}");
            if mood == Mood::Status(429) {
                assert!(is_connected(servers), "{what}: it is busy, not gone");
            } else {
                until(&format!("{what}: it is missed"), || !is_connected(servers)).await;
            }
            server.set_mood(None);
            row(&what, &result, took, usable(servers, "echo").await);

            alone.end(&what).await;
        }
    }
}

#[tokio::test]
async fn a_server_over_http_that_goes_in_a_call_or_forgets_its_sessions_is_soon_of_use_again() {
    for (era, said) in [(Era::Sessions, "2025"), (Era::Stateless, "2026")] {
        for goes_in_call in [true, false] {
            let server = McpServer::start(era, &["hang", "echo"]).await;
            let (address, one) = (server.address, http("one", &server));
            let alone = Alone::start(vec![one]).await;
            let servers = &alone.servers;
            until_offered(servers, "echo").await;

            let (mut result, began) = (Ok(String::new()), Instant::now());
            if goes_in_call {
                (result, ()) = tokio::join!(call(servers, "hang", "{}"), async {
                    until("the call is there", || !server.calls().is_empty()).await;
                    server.stop().await;
                });
            } else {
                server.stop().await;
            }
            let took = began.elapsed();
            let _again = McpServer::start_at(address, era, &["hang", "echo"]).await;

            let what = if goes_in_call { "goes in a call" } else { "restarts between calls" };
            let what = format!("{said}: a server that {what}");
            let end = if goes_in_call { End::Unknown } else { End::Answered };
            assert_eq!(end_of(&result), end, "{what}: {result:?}");
            row(&what, &result, took, usable(servers, "echo").await);
            alone.end(&what).await;
        }
    }
}

#[tokio::test]
async fn a_server_over_http_that_is_merely_busy_is_neither_given_up_nor_ill() {
    for (era, said) in [(Era::Sessions, "2025"), (Era::Stateless, "2026")] {
        let server = McpServer::start(era, &["hog"]).await;
        let alone = Alone::start(vec![http("one", &server)]).await;
        let servers = &alone.servers;
        until_offered(servers, "hog").await;

        let began = Instant::now();
        let result = call(servers, "hog", "{}").await;
        let took = began.elapsed();

        assert!(took >= HOG && is_connected(servers), "{took:?}");
        assert_eq!(health(servers).breaker.calls.failed, 0);
        row(&format!("{said}: a server that is merely busy"), &result, took, Duration::ZERO);
        alone.end("merely busy").await;
    }
}
