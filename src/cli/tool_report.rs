//! What operators are shown of servers and tools. Texts of servers are shown with everything in them
//! that cannot be seen.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use similar::TextDiff;

use super::content_report::ContentReport;
use crate::domain::{Hints, ToolPin, Trust, reveal};
use crate::mcp::{ServerSurvey, ToolSurvey};

/// Two long texts without anything in common take long to compare; after that it is told roughly.
const MAX_DIFF_TIME: Duration = Duration::from_secs(1);

/// Of a fingerprint: nobody makes a second text for these.
const SHOWN_DIGITS: usize = 24;

/// The first revision of the protocol without sessions.
const STATELESS: &str = "2026-07-28";

/// A server, its tools and their pins.
#[derive(Debug, Serialize)]
pub(super) struct ServerReport {
    pub(super) name: String,
    pub(super) connected: bool,
    protocol_version: Option<String>,
    /// Whether it speaks a revision of the protocol with sessions.
    sessions: Option<bool>,
    advice: Option<String>,
    /// Why it is not connected.
    reason: Option<String>,
    /// None if it is not used.
    trust: Option<&'static str>,
    pub(super) tools: Vec<ToolReport>,
    /// By the operator's `tools`.
    kept_out: Vec<String>,
    left_out: Vec<String>,
    /// Pinned, and not there now.
    gone: Vec<String>,
    #[serde(flatten)]
    content: ContentReport,
}

#[derive(Debug, Serialize)]
pub(super) struct ToolReport {
    /// As the model sees it.
    pub(super) name: String,
    /// As the server calls it.
    pub(super) tool: String,
    title: Option<String>,
    hints: Vec<&'static str>,
    #[serde(flatten)]
    pub(super) pin: PinState,
    fingerprint: Arc<str>,
    #[serde(skip)]
    pub(super) now: ToolPin,
}

#[derive(Debug, Serialize)]
#[serde(tag = "pin", rename_all = "snake_case")]
pub(super) enum PinState {
    /// It is as it was first seen, or approved.
    Pinned,
    /// Nobody has seen it yet, or there was no room for its pin.
    New,
    /// It is held back.
    Changed {
        /// What changed, line by line.
        diff: String,
    },
    /// Its pin is in the memory of the server.
    Unknown,
    /// `MCP_PIN` is off.
    Off,
    /// It is part of this program.
    Bundled,
}

impl PinState {
    /// Whether there is something to approve.
    pub(super) const fn is_open(&self) -> bool {
        match self {
            Self::New | Self::Changed { .. } => true,
            Self::Pinned | Self::Unknown | Self::Off | Self::Bundled => false,
        }
    }

    const fn word(&self) -> &'static str {
        match self {
            Self::Pinned => "pinned",
            Self::New => "new",
            Self::Changed { .. } => "held back",
            Self::Unknown => "unknown",
            Self::Off => "not pinned",
            Self::Bundled => "bundled",
        }
    }
}

impl ServerReport {
    /// `pinned` is None if that is not known.
    pub(super) fn new(
        server: ServerSurvey,
        pinned: Option<Vec<ToolPin>>,
        pins_tools: bool,
    ) -> Self {
        let ServerSurvey { name, connected, protocol_version, advice, reason, trust, .. } = server;
        let is_gone = |pin: &&ToolPin| !server.tools.iter().any(|it| it.pin.tool == pin.tool);
        let gone = pinned.iter().flatten().filter(is_gone).map(|pin| in_a_line(&pin.tool));
        // Of a server that is away nobody knows what it has.
        let gone = gone.filter(|_| connected).collect();
        let tools = server.tools.into_iter();
        let tools = tools.map(|tool| ToolReport::new(tool, pinned.as_deref(), pins_tools));
        let sessions = protocol_version.as_deref().map(|version| version < STATELESS);
        Self {
            name,
            connected,
            sessions,
            protocol_version,
            advice,
            reason,
            trust: trust.map(word_of),
            tools: tools.collect(),
            kept_out: server.filtered,
            left_out: server.left_out,
            gone,
            content: ContentReport::new(server.content),
        }
    }
}

impl ToolReport {
    fn new(seen: ToolSurvey, pinned: Option<&[ToolPin]>, pins_tools: bool) -> Self {
        let ToolSurvey { tool, pin: now } = seen;
        let pin = match pinned.map(|pinned| pinned.iter().find(|pin| pin.tool == now.tool)) {
            _ if tool.trust == Trust::Bundled => PinState::Bundled,
            _ if !pins_tools => PinState::Off,
            None => PinState::Unknown,
            Some(None) => PinState::New,
            Some(Some(pin)) if pin.definition.fingerprint == now.definition.fingerprint => {
                PinState::Pinned
            }
            Some(Some(pin)) => {
                PinState::Changed { diff: diff(&pin.definition.text, &now.definition.text) }
            }
        };
        Self {
            name: tool.name,
            tool: now.tool.to_string(),
            title: tool.title,
            hints: words_of(tool.hints),
            pin,
            fingerprint: Arc::clone(&now.definition.fingerprint),
            now,
        }
    }

    pub(super) fn begins_with(&self, fingerprint: Option<&str>) -> bool {
        fingerprint.is_none_or(|begin| self.fingerprint.starts_with(begin))
    }
}

impl fmt::Display for ServerReport {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = if self.connected { "connected" } else { "not connected" };
        write!(out, "{}: {state}", self.name)?;
        if let (Some(version), Some(sessions)) = (&self.protocol_version, self.sessions) {
            let era = if sessions { "with sessions" } else { "without sessions" };
            write!(out, ", protocol {} {era}", in_a_line(version))?;
        }
        if let Some(trust) = self.trust {
            write!(out, ", {trust}")?;
        }
        if let Some(words) = self.advice.as_ref().or(self.reason.as_ref()) {
            write!(out, "\n  {words}")?;
        }
        let names = self.tools.iter().map(|it| in_a_line(&it.name));
        let width = names.map(|name| name.chars().count()).max().unwrap_or_default();
        for ToolReport { name, title, hints, pin, .. } in &self.tools {
            let (name, word, hints) = (in_a_line(name), pin.word(), hints.join(", "));
            let title = in_a_line(title.as_deref().unwrap_or_default());
            let line = format!("\n  {name:<width$}  {word:<10}  {hints:<35}  {title}");
            out.write_str(line.trim_end_matches(' '))?;
        }
        for (what, names) in [
            ("kept out by \"tools\" in MCP_CONFIG", &self.kept_out),
            (
                "left out (too many, too large, unreadable, or a name that cannot be used)",
                &self.left_out,
            ),
            ("gone, and still pinned", &self.gone),
        ] {
            if !names.is_empty() {
                write!(out, "\n  {what}: {}", in_a_line(&names.join(", ")))?;
            }
        }
        write!(out, "{}", self.content)?;
        self.write_changes(out)
    }
}

impl ServerReport {
    fn write_changes(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for tool in &self.tools {
            if let PinState::Changed { diff } = &tool.pin {
                let (server, name) = (&self.name, in_a_line(&tool.name));
                write!(out, "\n\n{name} is held back, because it changed:\n{diff}")?;
                write!(out, "To offer it again: orchestrator tools approve {server}")?;
                // What is copied into a shell must be one word there.
                if is_plain(&tool.tool) {
                    let begin: String = tool.fingerprint.chars().take(SHOWN_DIGITS).collect();
                    write!(out, " {} --fingerprint {begin}", tool.tool)?;
                }
            }
        }
        Ok(())
    }
}

/// Servers choose names and titles; one must not look like a line of ours.
pub(super) fn in_a_line(text: &str) -> String {
    reveal(text).replace('\n', "\\n")
}

fn is_plain(name: &str) -> bool {
    let is_fine = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '/');
    name.starts_with(is_fine) && name.chars().all(|c| is_fine(c) || c == '-')
}

/// With lines in place of the escaped ends of lines in long texts.
fn diff(before: &str, now: &str) -> String {
    let lines = |text: &str| format!("{}\n", reveal(text).replace("\\n", "\\n\n"));
    let (before, now) = (lines(before), lines(now));
    let mut diff = TextDiff::configure();
    let diff = diff.timeout(MAX_DIFF_TIME).diff_lines(&before, &now);
    diff.unified_diff().header("pinned", "now").to_string()
}

const fn word_of(trust: Trust) -> &'static str {
    match trust {
        Trust::Bundled => "bundled",
        Trust::Trusted => "trusted",
        Trust::Untrusted => "untrusted",
    }
}

fn words_of(hints: Hints) -> Vec<&'static str> {
    let Hints { read_only, destructive, idempotent, open_world } = hints;
    let words = [
        ("read-only", read_only),
        ("destructive", destructive && !read_only),
        ("idempotent", idempotent),
        ("open-world", open_world),
    ];
    words.into_iter().filter(|(_, holds)| *holds).map(|(word, _)| word).collect()
}
