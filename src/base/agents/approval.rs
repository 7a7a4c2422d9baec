//! Which calls wait for a person, and what an approval is bound to (ADR 38). Pure: the one place
//! that decides it.

use std::collections::{HashMap, HashSet};

use serde_json::{Map, Value};

use super::reading::{Speaker, untrusted_speaker};
use super::{Reading, ToolError, inquiries};
use crate::domain::{
    ApprovalRule, Catalog, Message, Tool, ToolCall, ToolId, ToolOrigin, ToolResult, Trust, digest,
};

/// What the ids of approvals begin with. No question of a model has such an id.
const PREFIX: &str = "apr_";

/// In hexadecimal digits: half of a SHA-256, which nobody guesses.
const DIGITS: usize = 32;

/// So many calls of a tool may be declined before the person is asked no more until they write.
const MAX_DECLINED: usize = 3;

/// So many arguments a person can be asked about.
const MAX_ARGUMENTS: usize = 32;

/// What is known of approvals when a run begins. The default knows of none.
#[derive(Clone, Debug, Default)]
pub struct Approvals {
    /// The rule for tools without one of their own.
    pub rule: ApprovalRule,
    /// Where approvals count: the thread and its owner.
    pub scope: [String; 2],
    /// The tools that the person approved for this conversation, by their fingerprints.
    pub granted: Vec<String>,
    /// What the person decided about calls that wait, by the ids of the approvals.
    pub answered: HashMap<String, Verdict>,
    /// The keys of calls that were begun, so they needed no approval or had it.
    pub begun: HashSet<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    Approved,
    Declined {
        /// The person's own words, if there are any.
        said: Option<String>,
    },
}

/// A call that waits for a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldCall {
    /// The id of its approval.
    pub id: String,
    pub tool: ToolId,
    /// For people, as the server gave it.
    pub title: Option<String>,
    /// What the call is about, as its server called it earlier; not of an untrusted server.
    pub about: Option<String>,
    /// As the model wrote them.
    pub arguments: String,
}

/// What becomes of a call.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum CallDecision {
    /// It is made.
    Free,
    /// It waits.
    Held(HeldCall),
    /// It is not made.
    Refused(ToolError),
}

/// A call that the person did not approve. An equal one is not asked for again (ADR 38).
#[derive(Debug)]
struct DeclinedCall {
    tool: Option<ToolId>,
    arguments: Map<String, Value>,
}

/// The decisions of one run.
#[derive(Debug, Default)]
pub(super) struct ApprovalDesk {
    approvals: Approvals,
    declined: Vec<DeclinedCall>,
}

impl ApprovalDesk {
    pub(super) fn new(approvals: Approvals, transcript: &[Message]) -> Self {
        Self { approvals, declined: declined_in(transcript) }
    }

    pub(super) fn decide(
        &mut self,
        call: &ToolCall,
        tool: &Tool,
        (transcript, catalog): (&[Message], &Catalog),
    ) -> CallDecision {
        let reader = Reading::of(call).and_then(|reading| reading.as_tool(catalog));
        // What reads a server is decided on like a tool of that server (ADR 45).
        let tool = if tool.origin.id().is_none() { reader.as_ref() } else { Some(tool) };
        let Some((tool, ToolOrigin::Server(id))) = tool.map(|tool| (tool, &tool.origin)) else {
            return CallDecision::Free;
        };
        let is_begun = self.is_begun(call);
        let needs = || needs_approval(tool, self.approvals.rule, || taint(transcript, catalog));
        if is_begun || !needs() {
            return CallDecision::Free;
        }
        let fingerprint = fingerprint(id, tool);
        if self.approvals.granted.contains(&fingerprint) {
            return CallDecision::Free;
        }
        let approval = self.id_of(call, id, &fingerprint);
        match self.approvals.answered.get(&approval) {
            Some(Verdict::Approved) => CallDecision::Free,
            Some(Verdict::Declined { said }) => {
                let refusal = said.clone().map_or(ToolError::Declined, ToolError::DeclinedSaying);
                self.declined.extend(declined(call));
                CallDecision::Refused(refusal)
            }
            None if self.is_declined(call, id) => CallDecision::Refused(ToolError::Declined),
            // Or a model could ask with ever other arguments until the person is tired.
            None if self.declined_of(id) >= MAX_DECLINED => {
                CallDecision::Refused(ToolError::Declined)
            }
            // All of them are shown, and nobody reads more.
            None if call.object().is_some_and(|it| it.len() > MAX_ARGUMENTS) => {
                CallDecision::Refused(ToolError::TooManyArguments)
            }
            None => CallDecision::Held(HeldCall {
                id: approval,
                tool: id.clone(),
                title: tool.title.clone(),
                about: about(call, tool, id, transcript),
                arguments: call.arguments.clone(),
            }),
        }
    }

    /// Whether it was begun in an earlier try, so it needed no approval or had it.
    pub(super) fn is_begun(&self, call: &ToolCall) -> bool {
        call.key.as_ref().is_some_and(|key| self.approvals.begun.contains(key.as_str()))
    }

    /// Bound to this very call: another thread, owner, call, tool, definition or argument has
    /// another id (ADR 38). The key is random and leaves the server only in the approved call.
    fn id_of(&self, call: &ToolCall, id: &ToolId, fingerprint: &str) -> String {
        let [thread, owner] = &self.approvals.scope;
        let key = call.key.as_ref().map_or("", |key| key.as_str());
        let bound = [thread, owner, key, &*id.server, &*id.tool, fingerprint, &call.arguments];
        format!("{PREFIX}{fingerprint}{}", short_digest(&bound))
    }

    /// The id of a call whose server asks the person (ADR 44), bound in the same way.
    pub(super) fn inquiry_id(&self, call: &ToolCall, tool: &Tool) -> Option<String> {
        let id = tool.origin.id()?;
        let bound = self.id_of(call, id, &fingerprint(id, tool));
        Some(format!("{}{}", inquiries::PREFIX, short_digest(&[&bound])))
    }

    fn declined_of(&self, id: &ToolId) -> usize {
        self.declined.iter().filter(|known| known.tool.as_ref() == Some(id)).count()
    }

    fn is_declined(&self, call: &ToolCall, id: &ToolId) -> bool {
        let arguments = call.object();
        let is_equal = |known: &DeclinedCall| {
            known.tool.as_ref() == Some(id) && Some(&known.arguments) == arguments.as_ref()
        };
        self.declined.iter().any(is_equal)
    }
}

/// Whether an id is that of an approval.
pub fn is_approval(id: &str) -> bool {
    fingerprint_in(id).is_some()
}

/// The fingerprint of the tool whose call an approval is about.
pub fn fingerprint_in(id: &str) -> Option<&str> {
    let rest = id.strip_prefix(PREFIX).filter(|rest| rest.len() == 2 * DIGITS)?;
    rest.get(..DIGITS)
}

/// The tool as which a person is asked about a call. What reads a server is asked about as a tool of
/// that server.
pub fn asked_as(call: &ToolCall) -> Option<ToolId> {
    let reader = || Reading::of(call).and_then(|reading| reading.id());
    call.tool.clone().or_else(reader)
}

/// The calls at the end of the transcript that have no result yet, if there are any.
pub fn open_calls(transcript: &[Message]) -> Vec<&ToolCall> {
    let is_result = |message: &&Message| matches!(message, Message::Tools { .. });
    let answered = transcript.iter().rev().take_while(is_result).count();
    let (before, answers) = transcript.split_at(transcript.len() - answered);
    let Some(Message::Assistant(said)) = before.last() else { return Vec::new() };
    let results = || answers.iter().filter_map(Message::results).flatten();
    let has_result = |call: &&ToolCall| results().any(|result| result.id == call.id);
    said.calls.iter().filter(|call| !has_result(call)).collect()
}

/// The result of a call for which the person did not wait to be asked.
pub fn unapproved(call: &ToolCall) -> ToolResult {
    ToolResult::ours(call, ToolError::Unapproved.to_string())
}

fn needs_approval(tool: &Tool, rule: ApprovalRule, taint: impl FnOnce() -> Vec<Speaker>) -> bool {
    match tool.approval.unwrap_or(rule) {
        ApprovalRule::Never => false,
        ApprovalRule::Always => true,
        ApprovalRule::Destructive => {
            let may_destroy = tool.hints.destructive && !tool.hints.read_only;
            // Most servers say nothing of their tools. Only of a trusted one this means no harm.
            let is_unclear = !tool.is_annotated && tool.trust != Trust::Untrusted;
            (may_destroy && !is_unclear) || reaches_out(tool, taint)
        }
    }
}

/// Whether a call could carry something out of the conversation at the word of whoever wrote a result
/// of an untrusted server.
fn reaches_out(tool: &Tool, taint: impl FnOnce() -> Vec<Speaker>) -> bool {
    if !tool.hints.open_world || (!tool.tells_reach && tool.trust != Trust::Untrusted) {
        return false;
    }
    let taint = taint();
    // A server that does not say how far its tools reach may be told what it said itself.
    let own = tool.origin.server().map(|server| &**server);
    if tool.tells_reach {
        !taint.is_empty()
    } else {
        let is_own = |speaker: &Speaker| match speaker {
            Speaker::Server(server) => Some(server.as_str()) == own,
            Speaker::Unknown => false,
        };
        !taint.iter().all(is_own)
    }
}

/// The untrusted servers whose words the model reads. They stay in the transcript, so this holds for
/// later turns and after a restart.
fn taint(transcript: &[Message], catalog: &Catalog) -> Vec<Speaker> {
    let pairs = transcript.iter().zip(transcript.iter().skip(1));
    let answered = pairs.filter_map(|(said, answered)| match (said, answered) {
        (Message::Assistant(said), Message::Tools { results }) => Some((&said.calls, results)),
        _ => None,
    });
    let spoke = answered.flat_map(|(calls, results)| {
        let words = |call| {
            results.iter().filter_map(move |result| untrusted_speaker((call, result), catalog))
        };
        calls.iter().flat_map(words)
    });
    spoke.collect()
}

/// A tool as it is defined now. If its server changes it, earlier approvals do not count.
fn fingerprint(id: &ToolId, tool: &Tool) -> String {
    let title = tool.title.as_deref().unwrap_or_default();
    let hints = format!("{:?} {}", tool.hints, tool.is_annotated);
    let schema = tool.schema.to_string();
    short_digest(&[&id.server, &id.tool, title, &tool.description, &schema, &hints])
}

/// The title of what the argument `id` names, from the newest result of the same server that has it:
/// a person knows a todo by its title, and not by its id.
fn about(call: &ToolCall, tool: &Tool, id: &ToolId, transcript: &[Message]) -> Option<String> {
    if tool.trust == Trust::Untrusted {
        return None;
    }
    let arguments = call.object()?;
    let named = arguments.get("id").and_then(Value::as_str)?;
    let pairs = transcript.iter().zip(transcript.iter().skip(1)).rev();
    let found = pairs.filter_map(|(said, answered)| match (said, answered) {
        (Message::Assistant(said), Message::Tools { results }) => {
            let calls = said.calls.iter().filter(|call| is_of(call, id));
            let mut results = calls.filter_map(|call| results.iter().find(|it| it.id == call.id));
            results.find_map(|result| titled(&serde_json::from_str(&result.output).ok()?, named))
        }
        _ => None,
    });
    found.into_iter().next()
}

fn is_of(call: &ToolCall, id: &ToolId) -> bool {
    call.tool.as_ref().is_some_and(|tool| tool.server == id.server)
}

/// The title of the object with this id. A parsed text is never nested deeply.
fn titled(value: &Value, id: &str) -> Option<String> {
    match value {
        Value::Array(items) => items.iter().find_map(|item| titled(item, id)),
        Value::Object(object) if object.get("id").and_then(Value::as_str) == Some(id) => {
            object.get("title").and_then(Value::as_str).map(str::to_owned)
        }
        Value::Object(object) => object.values().find_map(|value| titled(value, id)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
    }
}

fn short_digest(parts: &[&str]) -> String {
    let mut text = digest(parts);
    text.truncate(DIGITS);
    text
}

/// What the person declined since they last spoke.
fn declined_in(transcript: &[Message]) -> Vec<DeclinedCall> {
    let is_said = |message: &Message| matches!(message, Message::User { .. });
    let newest = transcript.rsplit(is_said).next().unwrap_or_default();
    let results = newest.iter().filter_map(|message| match message {
        Message::Tools { results } => Some(results),
        Message::User { .. } | Message::Assistant(_) | Message::Note { .. } => None,
    });
    let is_no = |result: &&ToolResult| result.is_error && ToolError::is_declined_in(&result.output);
    let ids: HashSet<_> = results.flatten().filter(is_no).map(|result| &result.id).collect();
    let calls = newest.iter().filter_map(|message| match message {
        Message::Assistant(said) => Some(&said.calls),
        Message::User { .. } | Message::Tools { .. } | Message::Note { .. } => None,
    });
    calls.flatten().filter(|call| ids.contains(&call.id)).filter_map(declined).collect()
}

fn declined(call: &ToolCall) -> Option<DeclinedCall> {
    Some(DeclinedCall { tool: asked_as(call), arguments: call.object()? })
}
