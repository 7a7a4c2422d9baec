//! What a call of a built-in reading tool becomes: a list from what is known, or a request to its
//! server (ADR 45).

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::super::call::target::CallTarget;
use super::reading_tools::{count, servers_with};
use base::agents::{Reading, ReadingKind, ToolError};
use base::domain::{ServerContent, ServerPrompt};

/// Entries of one page of a list.
const PAGE: usize = 50;

/// What there is to do.
#[derive(Debug)]
pub(crate) enum ReadingPlan<'a> {
    /// It is known already.
    Answer(String),
    /// This server is asked.
    Ask { server: &'a str, target: CallTarget<'a> },
}

pub(crate) fn plan_reading<'a>(
    reading: &'a Reading,
    content: &'a [ServerContent],
) -> Result<ReadingPlan<'a>, ToolError> {
    let Some(server) = reading.server.as_deref() else {
        return Ok(ReadingPlan::Answer(servers(reading.kind, content)));
    };
    let known = content.iter().find(|it| *it.server == *server && count(reading.kind, it) > 0);
    let Some(known) = known else {
        let there_are = servers(reading.kind, content);
        return Err(refused(format!("no server of this name has any. {there_are}")));
    };
    if !known.is_connected {
        return Err(ToolError::Unavailable);
    }
    let Some(what) = reading.what.as_deref() else {
        return Ok(ReadingPlan::Answer(list(reading, known)));
    };
    if reading.has_no_address() {
        return Err(refused(NO_ADDRESS.to_owned()));
    }
    let target = match reading.kind {
        ReadingKind::Resource => CallTarget::Resource { uri: what },
        ReadingKind::Prompt => {
            let prompt = known.listed.prompt(what);
            let prompt = prompt.ok_or_else(|| refused(NO_PROMPT.to_owned()))?;
            CallTarget::Prompt { name: what, arguments: arguments(reading, prompt)? }
        }
    };
    Ok(ReadingPlan::Ask { server, target })
}

const NO_ADDRESS: &str = "this is no address: it is too long, or has spaces or invisible characters in it; give it as it is listed";
const NO_PROMPT: &str =
    "the server has no prompt of this name; give the server alone to list its prompts";

/// Of each value the text: the protocol has no other arguments.
fn arguments(reading: &Reading, prompt: &ServerPrompt) -> Result<Map<String, Value>, ToolError> {
    let as_text = |(name, value): (&String, &Value)| match value {
        Value::Null => None,
        Value::String(_) => Some((name.clone(), value.clone())),
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            Some((name.clone(), Value::String(value.to_string())))
        }
    };
    let given: Map<_, _> = reading.arguments.iter().filter_map(as_text).collect();
    let missing = prompt.missing_in(&given);
    if missing.is_empty() {
        return Ok(given);
    }
    Err(refused(format!("the prompt needs these arguments as well: {}", missing.join(", "))))
}

fn refused(words: String) -> ToolError {
    ToolError::Refused(words)
}

/// Names of servers are the operator's, so this is no word of a server.
fn servers(kind: ReadingKind, content: &[ServerContent]) -> String {
    let named = |it: &ServerContent| format!("{} ({})", it.server, count(kind, it));
    let named: Vec<_> = servers_with(kind, content).map(named).collect();
    format!("These servers have some, give one as server: {}", named.join(", "))
}

/// One page, as JSON: no text of a server looks like an entry of ours.
fn list(reading: &Reading, content: &ServerContent) -> String {
    let listed = &content.listed;
    let (name, words) = (&*content.server, reading.find.as_deref().unwrap_or_default());
    let mut listing = match reading.kind {
        ReadingKind::Resource => {
            let resources = page_of(&listed.resources, words, reading.page);
            let templates = page_of(&listed.templates, words, reading.page);
            let more = resources.1 || templates.1;
            json!({ "server": name, "resources": resources.0, "templates": templates.0,
                    "more": more })
        }
        ReadingKind::Prompt => {
            let (prompts, more) = page_of(&listed.prompts, words, reading.page);
            json!({ "server": name, "prompts": prompts, "more": more })
        }
    };
    if let (Value::Object(members), 1..) = (&mut listing, listed.left_out) {
        // A part is never shown as the whole.
        members.insert("not_listed".to_owned(), format!("{} or more", listed.left_out).into());
    }
    listing.to_string()
}

/// The entries of a page that contain `words`, and whether there are more.
fn page_of<T: Serialize>(all: &[T], words: &str, page: usize) -> (Vec<Value>, bool) {
    let words = words.to_lowercase();
    let entries = all.iter().filter_map(|entry| serde_json::to_value(entry).ok());
    let mut found = entries
        .filter(|entry| words.is_empty() || entry.to_string().to_lowercase().contains(&words))
        .skip(page.saturating_sub(1).saturating_mul(PAGE));
    let entries = found.by_ref().take(PAGE).collect();
    (entries, found.next().is_some())
}
