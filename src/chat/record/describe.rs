//! A tool call in words for the user.

use serde_json::Value;

use base::agents::{Reading, ReadingKind};
use base::domain::{ToolCall, clean, shorten, unlinked};

/// In characters; longer objects are cut.
const MAX_OBJECT: usize = 60;

/// First word of a tool's name, the activity, and an icon of ChatKit's closed list.
const VERBS: &[(&[&str], &str, &str)] = &[
    (&["create", "add", "new", "insert"], "Adding", "plus"),
    (&["list", "search", "find", "query"], "Looking through", "search"),
    (&["get", "read", "fetch", "show"], "Looking up", "search"),
    (&["update", "edit", "set", "change", "rename"], "Changing", "write"),
    (&["complete", "finish", "close", "done"], "Completing", "check"),
    (&["delete", "remove", "clear"], "Deleting", "empty-circle"),
];

/// Arguments that name the object of a call, the best first.
const OBJECTS: &[&str] = &["title", "name", "text", "query", "path", "url"];

/// A title such as "Adding milk", with the server's name if there are several, and an icon. The
/// model wrote the words, so invisible characters are removed.
pub fn describe(call: &ToolCall, server: Option<&str>) -> (String, &'static str) {
    let reading = Reading::of(call).map(|reading| (title_of_reading(&reading), "search"));
    let (title, icon) = reading.unwrap_or_else(|| title_and_icon(call));
    match server {
        Some(server) => (unlinked(&clean(&format!("{title} ({server})"))), icon),
        None => (unlinked(&clean(&title)), icon),
    }
}

fn title_and_icon(call: &ToolCall) -> (String, &'static str) {
    // Without the prefix that names its server (ADR 1).
    let name = call.name.rsplit("__").next().unwrap_or(&call.name);
    let mut words = name.split(['_', '-', '.', ' ']).filter(|word| !word.is_empty());
    let first = words.next().unwrap_or_default().to_lowercase();
    let rest = words.collect::<Vec<_>>().join(" ");
    let object = object(call).unwrap_or(rest);
    let verb = VERBS.iter().find(|(names, ..)| names.contains(&first.as_str()));
    match verb {
        Some((_, doing, icon)) => (format!("{doing} {object}").trim_end().to_owned(), icon),
        None => (shorten(name, MAX_OBJECT), "bolt"),
    }
}

/// What is read from where (ADR 45).
fn title_of_reading(reading: &Reading) -> String {
    let kind = match reading.kind {
        ReadingKind::Resource => "resource",
        ReadingKind::Prompt => "prompt",
    };
    let what = reading.what.as_deref().map(in_a_line);
    match (what, reading.server.as_deref().map(in_a_line)) {
        (Some(what), Some(server)) => format!("Reading the {kind} {what} of {server}"),
        (_, Some(server)) => format!("Looking through the {kind}s of {server}"),
        (_, None) => format!("Looking for {kind}s"),
    }
}

fn in_a_line(text: &str) -> String {
    shorten(&text.split_whitespace().collect::<Vec<_>>().join(" "), MAX_OBJECT)
}

fn object(call: &ToolCall) -> Option<String> {
    let arguments = call.object()?;
    let named = OBJECTS.iter().find_map(|key| arguments.get(*key).and_then(Value::as_str))?;
    let first_line = named.lines().next().filter(|line| !line.trim().is_empty())?;
    Some(shorten(first_line, MAX_OBJECT))
}
