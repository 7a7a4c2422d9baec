//! What dependencies report for `/health`.

use serde::Serialize;

/// Something outside the process whose state is known here.
pub trait HealthProbe: Send + Sync {
    /// The present state, from memory. Never waits and never calls the dependency.
    fn report(&self) -> Vec<Dependency>;
}

#[derive(Clone, Debug, PartialEq)]
pub struct Dependency {
    /// `model`, `model:<fallback>`, `mcp:<server>`, `database` or `auth`.
    pub name: String,
    /// Whether calls are let through, and how they ended.
    pub breaker: BreakerReport,
    pub detail: Detail,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Detail {
    Model {
        /// As requested.
        name: String,
        base_url: String,
        /// Whether the bundled model answers.
        offline: bool,
        /// What the operator must change, according to the provider.
        advice: Option<String>,
        /// What the operator should know, although the model answers (ADR 17).
        warnings: Vec<String>,
    },
    /// A fallback model.
    Fallback {
        /// As requested.
        name: String,
        base_url: String,
        /// What the operator must change, according to the provider.
        advice: Option<String>,
        /// What the operator should know, although the model answers.
        warnings: Vec<String>,
    },
    Mcp {
        connected: bool,
        tools: usize,
        /// The revision of the protocol, once it is known.
        protocol_version: Option<String>,
        /// What the operator must do before it can be connected, or before all its tools are
        /// offered.
        advice: Option<String>,
        /// Why it is not connected, if that is known.
        reason: Option<String>,
        /// Tools that cannot be offered, or the first of them.
        left_out: Vec<String>,
    },
    Database,
    /// The issuer of tokens.
    Keys {
        /// Of the set that was fetched last.
        keys: usize,
        /// What the operator must change before they can be fetched.
        advice: Option<String>,
    },
}

/// The state of a circuit breaker (ADR 3).
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct BreakerReport {
    pub state: BreakerState,
    /// Failures since the last success.
    pub consecutive_failures: u32,
    /// Until the next probe, or until the end of a provider's pause.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_in_seconds: Option<f64>,
    /// What is left of a pause that the provider asked for, whatever the state.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cooling_seconds: Option<f64>,
    /// Since the start.
    pub calls: CallCounts,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum BreakerState {
    /// All calls are let through.
    Closed,
    /// No call is let through.
    Open,
    /// One call is let through, as a probe.
    HalfOpen,
}

/// Calls, each counted once however often it was tried (ADR 3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct CallCounts {
    pub ok: u64,
    /// Their end speaks against the dependency.
    pub failed: u64,
    /// Not made: the breaker was open, or the dependency asked for a pause.
    pub rejected: u64,
}
