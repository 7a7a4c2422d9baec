//! How the tools of servers were defined when they were first seen, or approved (ADR 40).

use std::fmt;
use std::sync::Arc;

use futures::future::BoxFuture;

/// Pins of one server, at most, but for those that an operator approves: a server could make up new
/// tools forever.
pub const MAX_PINS: usize = 512;

/// What a server says of a tool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToolDefinition {
    /// SHA-256 of the whole, in hexadecimal.
    pub fingerprint: Arc<str>,
    /// For people who compare two: JSON in lines, cut if it is long.
    pub text: Arc<str>,
}

/// A tool by its server's own name, and how it is defined.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToolPin {
    pub tool: Arc<str>,
    pub definition: ToolDefinition,
}

/// A pin without its text.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct KnownPin {
    pub tool: Arc<str>,
    pub fingerprint: Arc<str>,
    /// Whether it was stored just now.
    pub is_new: bool,
}

/// Where definitions are pinned, for all replicas.
pub trait Pins: fmt::Debug + Send + Sync {
    /// Pins those of these tools that have no pin, unless their server has [`MAX_PINS`], and returns
    /// all pins of the server. Never changes a pin: of two replicas the first counts.
    fn meet<'a>(
        &'a self,
        server: &'a str,
        tools: &'a [ToolPin],
    ) -> BoxFuture<'a, Result<Vec<KnownPin>, PinsError>>;

    /// All pins of a server, by the names of the tools.
    fn pinned<'a>(&'a self, server: &'a str) -> BoxFuture<'a, Result<Vec<ToolPin>, PinsError>>;

    /// Sets these pins, whatever they were.
    fn approve<'a>(
        &'a self,
        server: &'a str,
        tools: &'a [ToolPin],
    ) -> BoxFuture<'a, Result<(), PinsError>>;
}

/// Why nothing is known of pins.
#[derive(Debug, thiserror::Error)]
#[error("the pins of tools cannot be read or stored")]
pub struct PinsError(#[source] pub Box<dyn std::error::Error + Send + Sync>);
