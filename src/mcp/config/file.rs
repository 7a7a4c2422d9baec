//! Reads the usual `{"mcpServers": {…}}` text. Reports all faults at once and never a value, which
//! may be a key.

use std::fmt;

use outbound::is_here;
use reqwest::Url;
use reqwest::header::{HeaderName, HeaderValue};
use serde_json::{Map, Value};

use super::super::{ServerSettings, Transport};
use base::domain::{Secret, Trust};

const MAX_SERVERS: usize = 32;
const MAX_NAME_CHARS: usize = 32;
/// The name shown for our own tools (ADR 13).
const RESERVED: &str = "built-in";

/// All faults of a list of servers.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
pub struct InvalidServers(pub Vec<ServerFault>);

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerFault {
    /// None if the fault is in the text as a whole.
    pub server: Option<String>,
    /// Without the value.
    pub problem: &'static str,
}

type Faults = Vec<&'static str>;

/// Reads `{"mcpServers": {"name": {"command", "args"?, "env"?} | {"url", "headers"?}}}`,
/// each with `"tell_owner"?`, and with a URL `"forward_auth"?`.
///
/// Skips a server with `"disabled": true`. Ignores unknown members, because other clients read the
/// same file and have their own.
pub fn read_servers(json: &str) -> Result<Vec<ServerSettings>, InvalidServers> {
    let entries = entries(json).map_err(whole)?;
    let (mut servers, mut faults) = (Vec::new(), Vec::new());
    for (index, (name, entry)) in entries.iter().enumerate() {
        match read_server(name, entry) {
            Ok(server) => servers.extend(server),
            Err(found) => faults.extend(
                found
                    .into_iter()
                    .map(|problem| ServerFault { server: Some(label(name, index)), problem }),
            ),
        }
    }
    if faults.is_empty() { Ok(servers) } else { Err(InvalidServers(faults)) }
}

impl fmt::Display for ServerFault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.server {
            Some(server) => write!(out, "server {server}: {}", self.problem),
            None => out.write_str(self.problem),
        }
    }
}

fn entries(json: &str) -> Result<Map<String, Value>, &'static str> {
    let Ok(Value::Object(mut root)) = serde_json::from_str(json) else {
        return Err("the text is not a JSON object");
    };
    let Some(Value::Object(entries)) = root.remove("mcpServers") else {
        return Err(r#"there is no object "mcpServers"; write {"mcpServers": {"name": {…}}}"#);
    };
    if entries.len() > MAX_SERVERS {
        return Err("there are more than 32 servers; use fewer");
    }
    Ok(entries)
}

fn whole(problem: &'static str) -> InvalidServers {
    InvalidServers(vec![ServerFault { server: None, problem }])
}

/// The name if it is valid, otherwise the place in the list: a pasted key must not be shown.
fn label(name: &str, index: usize) -> String {
    if is_name(name) { name.to_owned() } else { format!("number {}", index + 1) }
}

fn is_name(name: &str) -> bool {
    let fine = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    (1..=MAX_NAME_CHARS).contains(&name.len()) && name.chars().all(fine)
}

fn read_server(name: &str, entry: &Value) -> Result<Option<ServerSettings>, Faults> {
    let Value::Object(entry) = entry else { return Err(vec!["its entry is not an object"]) };
    if entry.get("disabled") == Some(&Value::Bool(true)) {
        return Ok(None);
    }
    let mut faults = Faults::new();
    if !is_name(name) {
        faults.push("its name must be 1 to 32 of A-Z a-z 0-9 _ -");
    }
    if name == RESERVED {
        faults.push("its name stands for the tools of this program; give it another");
    }
    // The shown name `server__tool` must have one reading (ADR 1).
    if name.contains("__") || name.ends_with('_') {
        faults.push("two underscores part a server's name from a tool's; give it another name");
    }
    let tell_owner = read_flag(entry, ("tell_owner", TELL_OWNER), &mut faults);
    let forward_auth = read_flag(entry, ("forward_auth", FORWARD_AUTH), &mut faults);
    let transport = read_transport(entry, &mut faults);
    if forward_auth && transport.as_ref().is_some_and(|transport| !keeps_tokens(transport)) {
        faults.push(r#""forward_auth" needs an https "url", or one on this machine"#);
    }
    match transport {
        Some(transport) if faults.is_empty() => {
            let (name, trust) = (name.to_owned(), Trust::Trusted);
            Ok(Some(ServerSettings { name, transport, trust, tell_owner, forward_auth }))
        }
        Some(_) | None => Err(faults),
    }
}

const TELL_OWNER: &str = r#""tell_owner" must be true or false"#;
const FORWARD_AUTH: &str = r#""forward_auth" must be true or false"#;

fn read_flag(
    entry: &Map<String, Value>,
    (name, fault): (&str, &'static str),
    faults: &mut Faults,
) -> bool {
    match entry.get(name) {
        None => false,
        Some(Value::Bool(flag)) => *flag,
        Some(_) => {
            faults.push(fault);
            false
        }
    }
}

/// Whether nobody on the way can read a token that is sent there.
fn keeps_tokens(transport: &Transport) -> bool {
    let Transport::Http { url, .. } = transport else { return false };
    Url::parse(url).is_ok_and(|url| url.scheme() == "https" || is_here(&url))
}

fn read_transport(entry: &Map<String, Value>, faults: &mut Faults) -> Option<Transport> {
    match (entry.get("command"), entry.get("url")) {
        (Some(command), None) => read_child(command, entry, faults),
        (None, Some(url)) => read_http(url, entry, faults),
        (Some(_), Some(_)) => {
            faults.push(r#"it has both "command" and "url"; keep one"#);
            None
        }
        (None, None) => {
            faults.push(r#"it has neither "command" nor "url"; give one"#);
            None
        }
    }
}

fn read_child(
    command: &Value,
    entry: &Map<String, Value>,
    faults: &mut Faults,
) -> Option<Transport> {
    let command = command.as_str().filter(|text| !text.trim().is_empty() && !text.contains('\0'));
    if command.is_none() {
        faults.push(r#""command" must be the name or path of a program"#);
    }
    let args = read_args(entry.get("args"), faults);
    let env = read_pairs(entry.get("env"));
    let is_variable = |(name, value): &(String, Secret)| {
        !name.contains(['=', '\0']) && !value.expose().contains('\0')
    };
    let Some(env) = env.filter(|env| env.iter().all(is_variable)) else {
        faults.push(r#""env" must be an object of variable names and texts"#);
        return None;
    };
    Some(Transport::Child { command: command?.to_owned(), args, env })
}

fn read_args(args: Option<&Value>, faults: &mut Faults) -> Vec<String> {
    let texts = match args {
        None => Some(Vec::new()),
        Some(Value::Array(args)) => {
            args.iter().map(|arg| arg.as_str().map(str::to_owned)).collect()
        }
        Some(_) => None,
    };
    let usable = texts.filter(|texts: &Vec<String>| !texts.iter().any(|text| text.contains('\0')));
    if usable.is_none() {
        faults.push(r#""args" must be a list of texts"#);
    }
    usable.unwrap_or_default()
}

fn read_http(url: &Value, entry: &Map<String, Value>, faults: &mut Faults) -> Option<Transport> {
    if entry.get("type").and_then(Value::as_str) == Some("sse") {
        faults.push("the old SSE transport is not spoken; use its streamable HTTP endpoint");
    }
    let is_http =
        |text: &&str| Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "http" | "https"));
    let url = url.as_str().filter(is_http);
    if url.is_none() {
        faults.push(r#""url" must be an http or https address"#);
    }
    let headers = read_pairs(entry.get("headers"));
    let Some(headers) = headers.filter(|headers| headers.iter().all(is_header)) else {
        faults.push(r#""headers" must be an object of header names and texts"#);
        return None;
    };
    Some(Transport::Http { url: url?.to_owned(), headers })
}

fn is_header((name, value): &(String, Secret)) -> bool {
    HeaderName::try_from(name).is_ok() && HeaderValue::try_from(value.expose()).is_ok()
}

/// An object of texts. Absent is empty; anything else is `None`.
fn read_pairs(pairs: Option<&Value>) -> Option<Vec<(String, Secret)>> {
    match pairs {
        None => Some(Vec::new()),
        Some(Value::Object(pairs)) => pairs
            .iter()
            .map(|(name, value)| Some((name.clone(), Secret::new(value.as_str()?))))
            .collect(),
        Some(_) => None,
    }
}
