//! What is wrong in the file of servers, with its place and never with a value, which may be a key.

use std::borrow::Cow;
use std::fmt;

const MAX_NAME_CHARS: usize = 32;

/// Something that an operator must change, or should know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerFault {
    /// None if it is in the file as a whole.
    pub server: Option<String>,
    /// JSON pointer to it in the file.
    pub pointer: String,
    /// A sentence without the value.
    pub problem: Cow<'static, str>,
}

/// The same while one entry is read: the place is within the entry, such as `args/1`.
#[derive(Debug, Default)]
pub(super) struct Notes(Vec<(String, Cow<'static, str>)>);

impl ServerFault {
    pub fn whole(problem: impl Into<Cow<'static, str>>) -> Self {
        Self { server: None, pointer: String::new(), problem: problem.into() }
    }

    /// Of the server of this name, at a member of its entry.
    pub fn of(server: &str, member: &str, problem: impl Into<Cow<'static, str>>) -> Self {
        let pointer = format!("/mcpServers/{server}/{member}");
        Self { server: Some(server.to_owned()), pointer, problem: problem.into() }
    }
}

impl Notes {
    pub(super) fn add(&mut self, member: impl Into<String>, problem: impl Into<Cow<'static, str>>) {
        self.0.push((member.into(), problem.into()));
    }

    /// Whether nothing is noted of this member, or of anything in it.
    pub(super) fn is_silent_on(&self, member: &str) -> bool {
        !self.0.iter().any(|(place, _)| place.split('/').next() == Some(member))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// As faults of this server. Without `pointer` its name cannot be shown.
    pub(super) fn of(self, label: &str, pointer: Option<&str>) -> Vec<ServerFault> {
        let fault = |(member, problem): (String, _)| {
            let place = pointer.map(|pointer| format!("{pointer}/{member}"));
            let pointer = place.unwrap_or_else(|| "/mcpServers".to_owned());
            let pointer = pointer.trim_end_matches('/').to_owned();
            ServerFault { server: Some(label.to_owned()), pointer, problem }
        };
        self.0.into_iter().map(fault).collect()
    }
}

/// Whether a name may be shown: what has another form may be a key that was pasted in its place.
pub(super) fn is_showable(name: &str) -> bool {
    let fine = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    (1..=MAX_NAME_CHARS).contains(&name.len()) && name.chars().all(fine)
}

/// A member as it may be shown, and its place.
pub(super) fn shown(member: &str, index: usize) -> (String, String) {
    if is_showable(member) {
        (member.to_owned(), format!(r#""{member}""#))
    } else {
        (String::new(), format!("its member number {}", index + 1))
    }
}

impl fmt::Display for ServerFault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.server {
            Some(server) => write!(out, "server {server}: {}", self.problem),
            None => out.write_str(&self.problem),
        }
    }
}
