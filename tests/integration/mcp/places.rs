//! A server gets so many calls at once, and the others wait.

use orchestrator::agents::{Certainty, Finish};

use super::*;
use crate::support::mcp_server::{Era, Mood};
use crate::support::watchdog::until;

const NO_PLACE: &str = "the tool's server works on as many calls as it takes at once, and none of \
    them ended in time; nothing was done; try again later";

#[tokio::test]
async fn who_finds_no_place_in_time_is_told_that_nothing_was_done_and_no_server_is_ill() {
    for era in [Era::Sessions, Era::Stateless] {
        let server = McpServer::start(era, &["gated", "read_it"]).await;
        let other = McpServer::start(era, &["echo"]).await;
        let one = ServerSettings { max_calls: 2, ..http("one", &server) };
        let servers = started(settings(vec![one, http("other", &other)])).await;
        until_offered(&servers, "other__echo").await;
        let running = [called(&servers, "one__gated"), called(&servers, "one__gated")];
        until("both calls have begun", || server.calls().len() == 2).await;

        let waiting = tool_call("one__read_it", "{}");
        let deadline = Instant::now() + Duration::from_millis(300);
        let waiting = call_by(&*servers, &waiting, deadline);
        let elsewhere = call(&servers, "other__echo", "{}");
        let (waited, elsewhere) = tokio::join!(in_time(waiting), elsewhere);
        let waited = waited.unwrap_err();
        server.open_gate();
        for running in running {
            assert_eq!(in_time(running).await.unwrap().as_deref(), Ok("{}"), "{era:?}");
        }

        assert_eq!(elsewhere.as_deref(), Ok("{}"), "{era:?}");
        assert!(matches!(&waited, ToolError::Refused(words) if words == NO_PLACE), "{waited:?}");
        assert_eq!(waited.certainty(), Certainty::Refused);
        assert_eq!(server.calls(), ["gated", "gated"], "{era:?}");
        assert_eq!(health(&servers).breaker.calls.failed, 0, "{era:?}");
        in_time(servers.shut_down()).await;
    }
}

#[tokio::test]
async fn a_call_that_waits_for_a_place_when_its_turn_is_stopped_is_never_sent() {
    for tool in ["echo", "mild", "read_it"] {
        let server = McpServer::start(Era::Stateless, &["gated", tool]).await;
        let one = ServerSettings { max_calls: 1, ..http("one", &server) };
        let servers = started(settings(vec![one])).await;
        until_offered(&servers, tool).await;
        let running = called(&servers, "gated");
        until("the call has begun", || server.calls().len() == 1).await;

        let (interrupt, call) = (Interrupt::default(), tool_call(tool, "{}"));
        let waiting = call_until(&*servers, &call, Instant::now() + PATIENCE, &interrupt);
        let (waited, ()) = tokio::join!(in_time(waiting), async {
            interrupt.raise(Finish::Cancelled);
        });
        server.open_gate();
        assert_eq!(in_time(running).await.unwrap().as_deref(), Ok("{}"));
        // Nor is one that is made after that, though there is a place.
        let late = call_until(&*servers, &call, Instant::now() + PATIENCE, &interrupt).await;

        assert_eq!((waited, late), (Err(ToolError::NotMade), Err(ToolError::NotMade)), "{tool}");
        assert_eq!(server.calls(), ["gated"]);
        assert_eq!(health(&servers).breaker.calls.failed, 0);
        in_time(servers.shut_down()).await;
    }
}

#[tokio::test]
async fn a_call_that_a_busy_server_refused_is_not_sent_again_when_its_turn_is_stopped() {
    let server = McpServer::start(Era::Stateless, &["mild"]).await;
    let servers = started(settings(vec![http("one", &server)])).await;
    until_offered(&servers, "mild").await;
    server.set_mood(Some(Mood::Status(429)));

    let (interrupt, call) = (Interrupt::default(), tool_call("mild", "{}"));
    let refused = call_until(&*servers, &call, Instant::now() + PATIENCE, &interrupt);
    let (refused, ()) = tokio::join!(in_time(refused), async {
        until("it was refused", || health(&servers).breaker.cooling_seconds.is_some()).await;
        interrupt.raise(Finish::Cancelled);
        server.set_mood(None);
    });

    assert_eq!(refused, Err(ToolError::NotMade));
    assert!(server.calls().is_empty(), "{:?}", server.calls());
    in_time(servers.shut_down()).await;
}

#[tokio::test]
async fn a_call_that_waited_for_a_place_has_its_whole_time_after_that() {
    let server = McpServer::start(Era::Stateless, &["steady"]).await;
    // Enough for one of a second, not for two.
    let call_timeout = Some(Duration::from_millis(1_800));
    let one = ServerSettings { max_calls: 1, call_timeout, ..http("one", &server) };
    let servers = started(settings(vec![one])).await;
    until_offered(&servers, "steady").await;

    let (first, second) = tokio::join!(called(&servers, "steady"), called(&servers, "steady"));

    assert_eq!(first.unwrap().as_deref(), Ok("{}"));
    assert_eq!(second.unwrap().as_deref(), Ok("{}"));
    in_time(servers.shut_down()).await;
}

#[tokio::test]
async fn places_are_taken_in_the_order_of_the_calls_and_given_back_by_those_who_leave() {
    let server = McpServer::start(Era::Stateless, &["gated", "a", "b", "c"]).await;
    let one = ServerSettings { max_calls: 1, ..http("one", &server) };
    let servers = started(settings(vec![one])).await;
    until_offered(&servers, "gated").await;
    let running = called(&servers, "gated");
    until("the call has begun", || server.calls().len() == 1).await;
    let mut waiting = Vec::new();
    for name in ["a", "b", "c"] {
        waiting.push(called(&servers, name));
        // Polled once, so that it stands in the line.
        tokio::task::yield_now().await;
    }

    waiting.remove(1).abort();
    server.open_gate();

    in_time(running).await.unwrap().unwrap();
    for waiting in waiting {
        assert_eq!(in_time(waiting).await.unwrap().as_deref(), Ok("{}"));
    }
    assert_eq!(server.calls(), ["gated", "a", "c"]);
    in_time(servers.shut_down()).await;
}

#[tokio::test]
async fn a_server_over_http_gets_as_many_calls_at_once_as_it_may() {
    for era in [Era::Sessions, Era::Stateless] {
        let server = McpServer::start(era, &["gated"]).await;
        let servers = started(settings(vec![http("one", &server)])).await;
        until_offered(&servers, "gated").await;

        let calls: Vec<_> = (0..70).map(|_| called(&servers, "gated")).collect();

        until("all places are taken", || server.calls().len() == 64).await;
        server.open_gate();
        for call in calls {
            assert_eq!(in_time(call).await.unwrap().as_deref(), Ok("{}"), "{era:?}");
        }
        in_time(servers.shut_down()).await;
    }
}

fn called(
    servers: &Arc<Servers>,
    name: &'static str,
) -> tokio::task::JoinHandle<Result<String, ToolError>> {
    let servers = Arc::clone(servers);
    tokio::spawn(async move { call(&servers, name, "{}").await })
}
