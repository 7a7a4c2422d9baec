//! Reads the usual `{"mcpServers": {…}}` text. Reports all faults at once and never a value, which
//! may be a key.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::Value;

use super::super::ServerSettings;
use super::super::tools::look_alikes::look_alike;
use super::entry::{Entry, read_entry};
use super::fault::{Notes, ServerFault, is_showable};
use super::repeated::WrittenEntry;
use super::variables::Variables;

const MAX_SERVERS: usize = 32;
/// The name shown for our own tools (ADR 13).
const RESERVED: &str = "built-in";

/// What the file says. Servers with faults are not in it (ADR 37).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServerList {
    /// In the order in which their tools are offered.
    pub servers: Vec<ServerSettings>,
    pub faults: Vec<ServerFault>,
    /// What does nothing, and was perhaps meant to.
    pub warnings: Vec<ServerFault>,
}

/// Reads `{"mcpServers": {"name": {…}}}`; the members of an entry are in `entry`. Without servers
/// that are `"disabled"`.
///
/// Fails only if it is no such list at all: a fault in one entry costs that server alone.
pub fn read_servers(json: &str, variables: &Variables) -> Result<ServerList, ServerFault> {
    let entries = entries(json).map_err(ServerFault::whole)?;
    let mut list = ServerList::default();
    for (index, (name, entry)) in entries.iter().enumerate() {
        let Entry { settings, mut faults, warnings } = read_entry(name, entry, variables);
        if settings.is_some() || !faults.is_empty() {
            check_name(name, &mut faults);
        }
        let (label, pointer) = if is_showable(name) {
            (name.clone(), Some(format!("/mcpServers/{name}")))
        } else {
            (format!("number {}", index + 1), None)
        };
        if entries.iter().take(index).any(|(other, _)| other == name) {
            list.servers.retain(|other| other.name != *name);
            faults.add("", "its name occurs twice; give one of them another name");
        }
        let looks_like = |other: &&ServerSettings| look_alike(&other.name, name);
        if let Some(other) = list.servers.iter().find(looks_like).filter(|_| settings.is_some()) {
            let other = &other.name;
            faults.add("", format!("its name looks like that of server {other}; give it another"));
        }
        list.servers.extend(settings.filter(|_| faults.is_empty()));
        list.faults.extend(faults.of(&label, pointer.as_deref()));
        list.warnings.extend(warnings.of(&label, pointer.as_deref()));
    }
    Ok(list)
}

impl ServerList {
    /// Takes out a server for a fault that the text alone does not show.
    pub fn refuse(&mut self, fault: ServerFault) {
        self.servers.retain(|server| Some(&server.name) != fault.server.as_ref());
        self.faults.push(fault);
    }
}

/// All entries in the order written. A map would keep one of two with the same name, without a word.
#[derive(Deserialize)]
struct File {
    #[serde(rename = "mcpServers")]
    servers: Entries,
}

struct Entries(Vec<(String, WrittenEntry)>);

impl<'de> Deserialize<'de> for Entries {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_map(Collect)
    }
}

struct Collect;

impl<'de> Visitor<'de> for Collect {
    type Value = Entries;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Entries, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(Entries(entries))
    }
}

fn entries(json: &str) -> Result<Vec<(String, WrittenEntry)>, Cow<'static, str>> {
    let root: Value = serde_json::from_str(json).map_err(|error| {
        format!("it is not JSON from line {}, column {} on", error.line(), error.column())
    })?;
    if !root.get("mcpServers").is_some_and(Value::is_object) {
        return Err(
            r#"there is no object "mcpServers"; write {"mcpServers": {"name": {…}}}"#.into()
        );
    }
    let file: Result<File, _> = serde_json::from_str(json);
    let File { servers: Entries(entries) } =
        file.map_err(|_| r#""mcpServers" occurs twice; make one of them"#)?;
    if entries.len() > MAX_SERVERS {
        return Err("there are more than 32 servers; use fewer".into());
    }
    Ok(entries)
}

fn check_name(name: &str, faults: &mut Notes) {
    if !is_showable(name) {
        faults.add("", "its name must be 1 to 32 of A-Z a-z 0-9 _ -");
    }
    if name == RESERVED {
        faults.add("", "its name stands for the tools of this program; give it another");
    }
    // The shown name `server__tool` must have one reading (ADR 1).
    if name.contains("__") || name.ends_with('_') {
        faults.add("", "two underscores part a server's name from a tool's; give it another name");
    }
}
