//! `/health`, `/health/live`, `/health/ready`: from memory, without any call.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::{Value, json};

use super::error::ApiError;
use super::http::traffic::TrafficReport;
use super::lifecycle::Phase;
use super::state::Api;
use base::domain::{BreakerReport, BreakerState, Dependency, Detail, Scope};

#[derive(Serialize)]
struct Health {
    status: HealthStatus,
    version: &'static str,
    uptime_seconds: u64,
    model: Option<ModelHealth>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    fallbacks: BTreeMap<String, FallbackHealth>,
    breakers: BTreeMap<String, BreakerReport>,
    mcp: BTreeMap<String, McpHealth>,
    #[serde(skip_serializing_if = "Option::is_none")]
    auth: Option<AuthHealth>,
    requests: TrafficReport,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
enum HealthStatus {
    Ok,
    Degraded,
    Down,
}

#[derive(Serialize)]
struct ModelHealth {
    name: String,
    base_url: String,
    offline: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    advice: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<String>,
}

#[derive(Serialize)]
struct FallbackHealth {
    name: String,
    base_url: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    advice: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<String>,
}

#[derive(Serialize)]
struct AuthHealth {
    keys: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    advice: Option<String>,
}

#[derive(Serialize)]
struct McpHealth {
    connected: bool,
    tools: usize,
    protocol_version: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    advice: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    left_out: Vec<String>,
}

/// The full report for those who operate the server, otherwise its status alone; 200 whenever the
/// process works, unless a credential is wrong.
pub(super) async fn report(
    State(api): State<Api>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let health = health(&api);
    let may_see = match api.authentication.caller_of(&headers).await {
        Ok(caller) => caller.may(Scope::Operate),
        // Whether the server is well does not depend on who can be recognised.
        Err(ApiError::NoCredential | ApiError::CannotCheck { .. }) => false,
        Err(error) => return Err(error),
    };
    Ok(if may_see { Json(health).into_response() } else { Json(brief(&health)).into_response() })
}

/// The full report without a credential, for the private listener.
pub(super) async fn full(State(api): State<Api>) -> Response {
    Json(health(&api)).into_response()
}

/// What everybody may know. The page says to everybody that the model is the offline one.
fn brief(health: &Health) -> Value {
    match &health.model {
        Some(model) => json!({ "status": health.status, "model": { "offline": model.offline } }),
        None => json!({ "status": health.status }),
    }
}

fn health(api: &Api) -> Health {
    let mut health = Health {
        status: HealthStatus::Ok,
        version: env!("CARGO_PKG_VERSION"),
        uptime_seconds: api.traffic.uptime_seconds(),
        model: None,
        fallbacks: BTreeMap::new(),
        breakers: BTreeMap::new(),
        mcp: BTreeMap::new(),
        auth: None,
        requests: api.traffic.report(api.chat.running()),
    };
    let dependencies: Vec<_> = api.probes.iter().flat_map(|probe| probe.report()).collect();
    let stands_in = |it: &Dependency| {
        matches!(it.detail, Detail::Fallback { .. }) && status(it) == HealthStatus::Ok
    };
    // A fallback that works answers in place of the model, so the server is not down.
    let most = if dependencies.iter().any(stands_in) {
        HealthStatus::Degraded
    } else {
        HealthStatus::Down
    };
    for dependency in dependencies {
        health.take_in(dependency, most);
    }
    health
}

/// The process runs.
pub(super) async fn live() -> Response {
    Json(json!({ "status": "ok" })).into_response()
}

/// The process accepts work. A dependency that is down does not count: it is down for every
/// replica.
pub(super) async fn ready(State(api): State<Api>) -> Response {
    let (code, status) = match api.lifecycle.phase() {
        Phase::Starting => (StatusCode::SERVICE_UNAVAILABLE, "starting"),
        Phase::Serving => (StatusCode::OK, "ready"),
        Phase::Draining => (StatusCode::SERVICE_UNAVAILABLE, "draining"),
    };
    (code, Json(json!({ "status": status }))).into_response()
}

impl Health {
    /// `most` limits the status of the model.
    fn take_in(&mut self, dependency: Dependency, most: HealthStatus) {
        let status = status(&dependency);
        let is_model = matches!(dependency.detail, Detail::Model { .. });
        self.status = self.status.max(if is_model { status.min(most) } else { status });
        self.breakers.insert(dependency.name.clone(), dependency.breaker);
        match dependency.detail {
            Detail::Model { name, base_url, offline, advice, warnings } => {
                self.model = Some(ModelHealth { name, base_url, offline, advice, warnings });
            }
            Detail::Fallback { name, base_url, advice, warnings } => {
                let fallback = dependency.name.trim_start_matches("model:").to_owned();
                let health = FallbackHealth { name, base_url, advice, warnings };
                self.fallbacks.insert(fallback, health);
            }
            Detail::Mcp { connected, tools, protocol_version, advice, reason, left_out } => {
                let server = dependency.name.trim_start_matches("mcp:").to_owned();
                let health =
                    McpHealth { connected, tools, protocol_version, advice, reason, left_out };
                self.mcp.insert(server, health);
            }
            Detail::Keys { keys, advice } => self.auth = Some(AuthHealth { keys, advice }),
            Detail::Database => {}
        }
    }
}

/// Without tools answers are poorer. Without a model or a database there are none.
fn status(dependency: &Dependency) -> HealthStatus {
    let open = dependency.breaker.state == BreakerState::Open;
    match &dependency.detail {
        Detail::Model { .. } | Detail::Database if open => HealthStatus::Down,
        Detail::Model { advice: Some(_), .. }
        | Detail::Fallback { advice: Some(_), .. }
        | Detail::Mcp { connected: false, .. }
        | Detail::Mcp { advice: Some(_), .. }
        | Detail::Keys { keys: 0, .. }
        | Detail::Keys { advice: Some(_), .. } => HealthStatus::Degraded,
        Detail::Model { .. }
        | Detail::Fallback { .. }
        | Detail::Mcp { .. }
        | Detail::Keys { .. }
        | Detail::Database => {
            let breaker = &dependency.breaker;
            let takes_calls =
                breaker.state == BreakerState::Closed && breaker.cooling_seconds.is_none();
            if takes_calls { HealthStatus::Ok } else { HealthStatus::Degraded }
        }
    }
}
