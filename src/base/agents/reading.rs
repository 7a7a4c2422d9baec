//! The built-in tools that read what servers have besides tools: what a call of one asks for, whose
//! words it brings, and how far it reaches (ADR 45). Pure.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::ToolError;
use crate::domain::{
    BuiltInTool, Catalog, Hints, ServerContent, Tool, ToolCall, ToolId, ToolOrigin, ToolResult,
    Trust, is_address,
};

/// Addresses that begin like this lead into a network, whoever goes there.
const NETWORKS: &[&str] = &[
    "http", "https", "ftp", "ftps", "tftp", "sftp", "scp", "ssh", "ws", "wss", "git", "svn",
    "gopher", "gemini", "smb", "cifs", "nfs", "afp", "dav", "davs", "webdav", "s3", "gs", "gcs",
    "az", "abfs", "abfss", "wasb", "wasbs", "hdfs", "dns", "ldap", "ldaps", "imap", "imaps", "pop",
    "pop3", "smtp", "smtps", "mailto", "news", "nntp", "rsync", "telnet", "tcp", "udp", "rtsp",
    "rtmp", "magnet", "ipfs", "ipns", "dict",
];

/// A call of a built-in tool that reads.
#[derive(Clone, Debug, PartialEq)]
pub struct Reading {
    pub kind: ReadingKind,
    /// By its configured name. Without it nothing of any server is read.
    pub server: Option<String>,
    /// The address of a resource or the name of a prompt. Without it the server's are listed.
    pub what: Option<String>,
    /// Of a prompt.
    pub arguments: Map<String, Value>,
    /// What listed entries must contain.
    pub find: Option<String>,
    /// Of the list, from 1.
    pub page: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadingKind {
    Resource,
    Prompt,
}

/// Who is not trusted and has words in the conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Speaker {
    Server(String),
    /// An early release did not store which tool it was.
    Unknown,
}

/// What is known of where a call leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reach {
    /// To what the server listed: nothing that the model wrote leaves.
    Listed,
    /// To the server, with words of the model. How far it goes from there is not known.
    Server,
    /// Perhaps anywhere.
    Outside,
}

impl ReadingKind {
    pub const ALL: [Self; 2] = [Self::Resource, Self::Prompt];

    pub const fn tool(self) -> BuiltInTool {
        match self {
            Self::Resource => BuiltInTool::ReadResource,
            Self::Prompt => BuiltInTool::ReadPrompt,
        }
    }

    const fn member(self) -> &'static str {
        match self {
            Self::Resource => "uri",
            Self::Prompt => "name",
        }
    }
}

impl Reading {
    /// `None` for a call of another tool, and for arguments that are no object.
    pub fn of(call: &ToolCall) -> Option<Self> {
        let kind = ReadingKind::ALL.into_iter().find(|it| it.tool().name() == call.name);
        let kind = kind.filter(|_| call.tool.is_none())?;
        let mut members = call.object()?;
        let mut text = |name: &str| match members.remove(name) {
            Some(Value::String(text)) if !text.trim().is_empty() => Some(text),
            _ => None,
        };
        let (server, what, find) = (text("server"), text(kind.member()), text("find"));
        let page = members.get("page").and_then(Value::as_u64).unwrap_or(1);
        let arguments = match members.remove("arguments") {
            Some(Value::Object(arguments)) => arguments,
            // Models write an object as text where they have no schema for it.
            Some(Value::String(text)) => serde_json::from_str(&text).unwrap_or_default(),
            _ => Map::new(),
        };
        let page = usize::try_from(page).unwrap_or(usize::MAX);
        Some(Self { kind, server, what, arguments, find, page })
    }

    /// As what the call is asked about and declined: a tool of the server that it reads.
    pub(super) fn id(&self) -> Option<ToolId> {
        let (server, tool) = (self.server.as_deref()?, self.kind.tool().name());
        Some(ToolId { server: server.into(), tool: tool.into() })
    }

    /// Whether it asks for what is no address. Nothing is sent then: what a server makes of it is not
    /// what we decided on.
    pub fn has_no_address(&self) -> bool {
        let asked = self.what.as_deref().filter(|_| self.kind == ReadingKind::Resource);
        asked.is_some_and(|asked| !is_address(asked))
    }

    /// The call as one of a tool of its server, for whoever decides whether it may be made. `None` if
    /// nothing is sent.
    pub(super) fn as_tool(&self, catalog: &Catalog) -> Option<Tool> {
        if self.has_no_address() {
            return None;
        }
        let (id, what) = (self.id()?, self.what.as_deref()?);
        let content = catalog.content.iter().find(|it| it.server == id.server)?;
        let reach = match self.kind {
            ReadingKind::Resource => reach_of(what, content),
            ReadingKind::Prompt if self.arguments.is_empty() => Reach::Listed,
            ReadingKind::Prompt => Reach::Server,
        };
        let open_world = reach != Reach::Listed;
        // A person who lets one address be read for the whole conversation has seen that one alone.
        let description = match reach {
            Reach::Listed => String::new(),
            Reach::Server => "with words of the model".to_owned(),
            Reach::Outside => format!("outside: {what}"),
        };
        Some(Tool {
            name: self.kind.tool().name().to_owned(),
            title: None,
            description,
            schema: Arc::default(),
            origin: ToolOrigin::Server(id),
            hints: Hints { read_only: true, destructive: false, idempotent: true, open_world },
            is_annotated: true,
            tells_reach: reach != Reach::Server,
            trust: content.trust,
            approval: content.approval_of(self.kind.tool()),
            honours_keys: false,
        })
    }
}

/// Whose words the result of a call has. `None` if it is not the result of this call, or if the words
/// are ours or those of a server that is trusted.
pub(super) fn untrusted_speaker(
    (call, result): (&ToolCall, &ToolResult),
    catalog: &Catalog,
) -> Option<Speaker> {
    if result.id != call.id || ToolError::is_ours(result) {
        return None;
    }
    if let Some(id) = result.origin.as_ref().or(call.tool.as_ref()) {
        let tool = catalog.tools.iter().find(|tool| tool.origin.id() == Some(id));
        let is_trusted = match tool {
            Some(tool) => tool.trust != Trust::Untrusted,
            // What was read of a server is of no tool of its own.
            None => BuiltInTool::named(&id.tool).is_some() && is_trusted(&id.server, catalog),
        };
        return (!is_trusted).then(|| Speaker::Server(id.server.to_string()));
    }
    if let Some(reading) = Reading::of(call) {
        // Which servers there are is the operator's word.
        let server = reading.server?;
        return (!is_trusted(&server, catalog)).then_some(Speaker::Server(server));
    }
    (!has_own_words(call, result)).then_some(Speaker::Unknown)
}

/// Whether a result without a speaker is of a built-in tool. What such a tool hands on of a server has
/// a speaker, so the other words of most are errors (ADR 48).
fn has_own_words(call: &ToolCall, result: &ToolResult) -> bool {
    match BuiltInTool::named(&call.name) {
        Some(BuiltInTool::AskUser) => true,
        Some(BuiltInTool::ReadResult) => result.is_error,
        Some(BuiltInTool::ReadResource | BuiltInTool::ReadPrompt) | None => false,
    }
}

fn is_trusted(server: &str, catalog: &Catalog) -> bool {
    let of_content = catalog.content.iter().filter(|it| *it.server == *server).map(|it| it.trust);
    let of_tools = catalog.tools.iter().filter(|tool| {
        let id = tool.origin.server();
        id.is_some_and(|it| **it == *server)
    });
    let mut trust = of_content.chain(of_tools.map(|tool| tool.trust)).peekable();
    // Of a server that is not there any more nobody knows.
    trust.peek().is_some() && trust.all(|trust| trust != Trust::Untrusted)
}

/// An address that is neither listed nor of a listed family may have been made up to carry something
/// out, and so may one that leads into a network.
fn reach_of(uri: &str, content: &ServerContent) -> Reach {
    let listed = &content.listed;
    if listed.resources.iter().any(|it| it.uri == uri) {
        return Reach::Listed;
    }
    let is_of_family = listed.templates.iter().any(|it| it.names_scheme() && it.fits(uri));
    if is_of_family && !leads_into_network(uri) { Reach::Server } else { Reach::Outside }
}

fn leads_into_network(uri: &str) -> bool {
    let Some((scheme, rest)) = uri.split_once(':') else { return true };
    let is_network = |word: &str| NETWORKS.iter().any(|it| word.eq_ignore_ascii_case(it));
    // Of `git+https` each word counts.
    scheme.split(['+', '-', '.']).any(is_network)
        || (scheme.eq_ignore_ascii_case("file") && !is_of_this_machine(rest))
}

/// A file by its path, without another host.
fn is_of_this_machine(file: &str) -> bool {
    let path =
        file.strip_prefix("//").map_or(file, |it| it.strip_prefix("localhost").unwrap_or(it));
    path.starts_with('/') && !path.starts_with("//") && !file.contains('\\')
}
