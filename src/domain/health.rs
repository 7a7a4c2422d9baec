//! What a dependency says of itself.

use serde::Serialize;

/// Something outside the process that can report how it is.
pub trait HealthProbe: Send + Sync {
    /// How it is now, from memory: a probe never waits and never calls out.
    fn report(&self) -> Vec<Dependency>;
}

/// One dependency and its breaker.
#[derive(Clone, Debug, PartialEq)]
pub struct Dependency {
    /// `model`, `model:<fallback>`, `mcp:<server>` or `database`.
    pub name: String,
    /// Whether calls are let through, and how they went.
    pub breaker: BreakerReport,
    /// What is particular to this kind.
    pub detail: Detail,
}

/// What is particular to a kind of dependency.
#[derive(Clone, Debug, PartialEq)]
pub enum Detail {
    /// The model.
    Model {
        /// As asked for.
        name: String,
        /// Where it is asked for.
        base_url: String,
        /// The bundled model answers.
        offline: bool,
        /// What the operator should change, once the provider has said so.
        advice: Option<String>,
        /// What the operator should know, though it answers.
        warnings: Vec<String>,
    },
    /// A model that stands in for the first.
    Fallback {
        /// As asked for.
        name: String,
        /// Where it is asked for.
        base_url: String,
        /// What the operator should change, once the provider has said so.
        advice: Option<String>,
        /// What the operator should know, though it answers.
        warnings: Vec<String>,
    },
    /// An MCP server.
    Mcp {
        /// A session is open.
        connected: bool,
        /// How many tools it offers.
        tools: usize,
        /// The revision spoken, once known.
        protocol_version: Option<String>,
    },
    /// The threads' database.
    Database,
}

/// A circuit breaker, read out.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct BreakerReport {
    /// Whether calls are let through.
    pub state: BreakerState,
    /// Failures since the last success.
    pub consecutive_failures: u32,
    /// Time to the next probe, or to the end of a provider's own pause.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_in_seconds: Option<f64>,
    /// What is left of a pause that the provider asked for, whatever the state.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cooling_seconds: Option<f64>,
    /// How calls went since the start.
    pub calls: CallCounts,
}

/// Whether calls are let through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum BreakerState {
    /// All of them.
    Closed,
    /// None.
    Open,
    /// One, to see.
    HalfOpen,
}

/// How calls went; each counts once, however often it was tried.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct CallCounts {
    /// Succeeded.
    pub ok: u64,
    /// Spoke against the dependency.
    pub failed: u64,
    /// Never made: the breaker was open, or the dependency asked for a pause.
    pub rejected: u64,
}
