//! What the house says of itself.

use std::sync::Arc;

use orchestrator::api::Phase;
use orchestrator::domain::{
    BreakerReport, BreakerState, CallCounts, Dependency, Detail, HealthProbe,
};
use serde_json::json;

use crate::support::app::{Choices, TestApp};

struct Fixed(Vec<Dependency>);

impl HealthProbe for Fixed {
    fn report(&self) -> Vec<Dependency> {
        self.0.clone()
    }
}

#[tokio::test]
async fn the_report_names_model_breakers_and_servers() {
    let app = house(vec![model(BreakerState::Closed), todo(true)]).await;

    let health = app.get("/health").await.json();

    assert_eq!(health["status"], "ok");
    let expected = json!({ "name": "gemini-2.5-flash", "base_url": "http://x", "offline": true });
    assert_eq!(health["model"], expected);
    let calls = json!({ "ok": 7, "failed": 2, "rejected": 1 });
    let breaker = json!({ "state": "closed", "consecutive_failures": 0, "calls": calls });
    assert_eq!(health["breakers"], json!({ "mcp:todo": breaker, "model": breaker }));
    let server = json!({ "connected": true, "tools": 6, "protocol_version": "2026-07-28" });
    assert_eq!(health["mcp"], json!({ "todo": server }));
    assert_eq!(health["requests"], json!({ "total": 1, "active_streams": 0, "last_minute": 1 }));
    assert_eq!(health["version"], env!("CARGO_PKG_VERSION"));
    assert!(health["uptime_seconds"].is_u64());
}

#[tokio::test]
async fn the_status_is_that_of_the_worst_dependency_and_the_answer_always_200() {
    let table = [
        (vec![model(BreakerState::Closed), todo(true)], "ok"),
        (vec![model(BreakerState::Closed), todo(false)], "degraded"),
        (vec![model(BreakerState::HalfOpen), todo(true)], "degraded"),
        (vec![cooling(12.5), todo(true)], "degraded"),
        (vec![model(BreakerState::Closed), fallback(None)], "ok"),
        (vec![model(BreakerState::Closed), fallback(Some("check LOCAL_KEY"))], "degraded"),
        (vec![model(BreakerState::Open), todo(true)], "down"),
        (vec![model(BreakerState::Open), fallback(None)], "degraded"),
        (vec![model(BreakerState::Open), fallback(Some("check LOCAL_KEY"))], "down"),
    ];

    for (dependencies, status) in table {
        let answer = house(dependencies).await.get("/health").await;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.json()["status"], status);
    }
}

#[tokio::test]
async fn a_pause_is_told_beside_the_state_of_the_breaker() {
    let health = house(vec![cooling(12.5)]).await.get("/health").await.json();

    let breaker = &health["breakers"]["model"];
    assert_eq!((&breaker["state"], &breaker["cooling_seconds"]), (&json!("closed"), &json!(12.5)));
}

#[tokio::test]
async fn what_to_change_about_a_model_that_stands_in_is_told_under_its_name() {
    let report = vec![model(BreakerState::Closed), fallback(Some("check LOCAL_KEY"))];

    let health = house(report).await.get("/health").await.json();

    let told = json!({ "name": "qwen3", "base_url": "http://y", "advice": "check LOCAL_KEY" });
    assert_eq!(health["fallbacks"], json!({ "local": told }));
    assert_eq!(health["breakers"]["model:local"]["state"], "closed");
}

#[tokio::test]
async fn a_server_that_is_away_is_told_with_the_reason_and_what_it_cannot_offer() {
    let mut server = todo(false);
    if let Detail::Mcp { advice, reason, left_out, .. } = &mut server.detail {
        *advice = None;
        *reason = Some("nothing listens at its address".to_owned());
        left_out.push("huge".to_owned());
    }

    let health = house(vec![server]).await.get("/health").await.json();

    let told = &health["mcp"]["todo"];
    assert_eq!(told["reason"], "nothing listens at its address");
    assert_eq!((&told["left_out"], told.get("advice")), (&json!(["huge"]), None));
}

#[tokio::test]
async fn ready_follows_the_life_of_the_process_and_no_dependency() {
    let report = Fixed(vec![model(BreakerState::Open), todo(false)]);
    let (probes, phase): (Vec<Arc<dyn HealthProbe>>, _) = (vec![Arc::new(report)], Phase::Starting);
    let app = TestApp::new(Choices { probes, phase, ..Choices::default() }).await;

    let mut codes = Vec::new();
    // Ready is said once more after the end has begun, as by a server that took long to start.
    for phase in [Phase::Starting, Phase::Serving, Phase::Draining, Phase::Serving] {
        app.lifecycle.enter(phase);
        codes.push(app.get("/health/ready").await.status.as_u16());
        assert_eq!(app.get("/health/live").await.status, 200);
    }

    assert_eq!(codes, [503, 200, 503, 503]);
}

#[tokio::test]
async fn the_page_is_whole_in_itself() {
    let answer = TestApp::scripted([]).await.get("/").await;

    assert_eq!(answer.status, 200);
    assert!(answer.headers["content-type"].to_str().unwrap().starts_with("text/html"));
    assert!(
        answer.headers["content-security-policy"].to_str().unwrap().contains("default-src 'none'")
    );
    for reference in ["src=\"http", "href=\"http", "src='http", "@import"] {
        assert!(!answer.text.contains(reference), "{reference}");
    }
}

async fn house(dependencies: Vec<Dependency>) -> TestApp {
    let probes: Vec<Arc<dyn HealthProbe>> = vec![Arc::new(Fixed(dependencies))];
    TestApp::new(Choices { probes, ..Choices::default() }).await
}

fn model(state: BreakerState) -> Dependency {
    let detail = Detail::Model {
        name: "gemini-2.5-flash".to_owned(),
        base_url: "http://x".to_owned(),
        offline: true,
        advice: None,
        warnings: Vec::new(),
    };
    Dependency { name: "model".to_owned(), breaker: breaker(state), detail }
}

fn cooling(seconds: f64) -> Dependency {
    let mut model = model(BreakerState::Closed);
    model.breaker.cooling_seconds = Some(seconds);
    model
}

fn fallback(advice: Option<&str>) -> Dependency {
    let (name, base_url) = ("qwen3".to_owned(), "http://y".to_owned());
    let (advice, warnings) = (advice.map(str::to_owned), Vec::new());
    let detail = Detail::Fallback { name, base_url, advice, warnings };
    let (name, breaker) = ("model:local".to_owned(), breaker(BreakerState::Closed));
    Dependency { name, breaker, detail }
}

fn todo(connected: bool) -> Dependency {
    let protocol_version = Some("2026-07-28".to_owned());
    let advice = (!connected).then(|| "change its url".to_owned());
    let (reason, left_out) = (None, Vec::new());
    let detail = Detail::Mcp { connected, tools: 6, protocol_version, advice, reason, left_out };
    Dependency { name: "mcp:todo".to_owned(), breaker: breaker(BreakerState::Closed), detail }
}

fn breaker(state: BreakerState) -> BreakerReport {
    let calls = CallCounts { ok: 7, failed: 2, rejected: 1 };
    let (retry_in_seconds, cooling_seconds) = (None, None);
    BreakerReport { state, consecutive_failures: 0, retry_in_seconds, cooling_seconds, calls }
}
