//! One entry of the file: its members, each with what is wrong with it.

use std::borrow::Cow;
use std::time::Duration;

use reqwest::Url;
use reqwest::header::{HeaderName, HeaderValue};
use serde_json::{Map, Value};

use super::super::{
    ApprovalRules, ContentChoice, RevisionChoice, ServerSettings, ToolFilter, Transport,
};
use super::fault::{Notes, shown};
use super::repeated::WrittenEntry;
use super::sign_in::CLIENT;
use super::variables::Variables;
use base::domain::{ApprovalRule, Secret, Trust};

/// Every member that does something.
const MEMBERS: [&str; 20] = [
    "type",
    "command",
    "args",
    "env",
    "cwd",
    "url",
    "headers", // what other clients read too
    "disabled",
    "timeout_seconds",
    "max_calls",
    "tools",
    "resources",
    "prompts",
    "protocol",
    "approval",
    "trust",
    "tell_owner",
    "forward_auth",
    "sign_in",
    "oauth",
];
/// What does nothing beside the other of the two.
const OF_COMMAND: [&str; 3] = ["args", "env", "cwd"];
const OF_URL: [&str; 3] = ["headers", "oauth", "sign_in"];
const TYPES: [&str; 5] = ["stdio", "http", "streamable-http", "streamableHttp", "sse"];
const FILTERS: [&str; 2] = ["allow", "deny"];
const NO_FILTER: &str = r#""tools" must be an object with "allow" or "deny" or both, each a list of names of the server's tools, in which * stands for any characters"#;
const RULES: [(&str, ApprovalRule); 3] = [
    ("destructive", ApprovalRule::Destructive),
    ("always", ApprovalRule::Always),
    ("never", ApprovalRule::Never),
];
const NO_RULE: &str = r#""approval" must be "destructive", "always" or "never", or an object that gives one of them for names of the server's tools, in which * stands for any characters"#;
const LEVELS: [(&str, Trust); 2] = [("trusted", Trust::Trusted), ("untrusted", Trust::Untrusted)];
const REVISIONS: [(&str, RevisionChoice); 3] = [
    ("auto", RevisionChoice::Detected),
    ("2025-11-25", RevisionChoice::Sessions),
    ("2026-07-28", RevisionChoice::Stateless),
];
const NO_REVISION: &str = r#""protocol" must be "auto", "2025-11-25" or "2026-07-28""#;
/// In seconds: longer than any call should take.
const MAX_SECONDS: f64 = 86_400.0;
const MAX_CALLS: u64 = 1_000;

/// What became of an entry.
#[derive(Debug, Default)]
pub(super) struct Entry {
    /// None if it is disabled or has faults.
    pub(super) settings: Option<ServerSettings>,
    pub(super) faults: Notes,
    pub(super) warnings: Notes,
}

/// The members of an entry, with their variables filled in.
pub(super) struct Members {
    pub(super) values: Map<String, Value>,
    faults: Notes,
    warnings: Notes,
}

pub(super) fn read_entry(name: &str, written: &WrittenEntry, variables: &Variables) -> Entry {
    let WrittenEntry { value: Value::Object(entry), repeated } = written else {
        let mut read = Entry::default();
        read.faults.add("", "its entry is not an object");
        return read;
    };
    let is_repeated = |member: &str| repeated.iter().any(|place| place == member);
    if entry.get("disabled") == Some(&Value::Bool(true)) && !is_repeated("disabled") {
        return Entry::default();
    }
    let mut members = Members::new(entry, variables);
    for place in repeated {
        members.faults.add(place, occurs_twice(place));
    }
    let settings = members.settings(name);
    members.look_for_idle();
    let Members { faults, warnings, .. } = members;
    Entry { settings: settings.filter(|_| faults.is_empty()), faults, warnings }
}

impl Members {
    fn new(entry: &Map<String, Value>, variables: &Variables) -> Self {
        let (mut values, mut faults) = (entry.clone(), Notes::default());
        for member in MEMBERS {
            if let Some(value) = values.get_mut(member) {
                fill_in(value, member, variables, &mut faults);
            }
        }
        Self { values, faults, warnings: Notes::default() }
    }

    fn settings(&mut self, name: &str) -> Option<ServerSettings> {
        self.flag("disabled");
        let transport = self.transport();
        let call_timeout = self.seconds("timeout_seconds");
        let (max_calls, tools, revision) = (self.max_calls(), self.tool_filter(), self.revision());
        let (approval, trust) = (self.approval_rules(), self.trust());
        let (tell_owner, forward_auth) = (self.flag("tell_owner"), self.flag("forward_auth"));
        let mut lets_in = |member| !self.values.contains_key(member) || self.flag(member);
        let content =
            ContentChoice { resources: lets_in("resources"), prompts: lets_in("prompts") };
        let oauth = self.oauth(forward_auth);
        let sign_in = self.sign_in(forward_auth, transport.as_ref());
        let transport = transport?;
        let has = [("forward_auth", forward_auth), ("oauth", self.values.contains_key("oauth"))];
        for (member, _) in has.into_iter().filter(|(_, has)| *has && !transport.keeps_tokens()) {
            let problem = format!(r#""{member}" needs an https "url", or one on this machine"#);
            self.fault(member, problem);
        }
        let settings = ServerSettings::new(name, transport);
        let max_calls = max_calls.unwrap_or(settings.max_calls);
        let settings =
            ServerSettings { trust, revision, call_timeout, max_calls, content, ..settings };
        let settings = ServerSettings { tools, approval, tell_owner, forward_auth, ..settings };
        Some(ServerSettings { sign_in, oauth, ..settings })
    }

    /// Only one for each member: what is said of a variable in it explains the rest.
    pub(super) fn fault(&mut self, member: &str, problem: impl Into<Cow<'static, str>>) {
        if self.faults.is_silent_on(member) {
            self.faults.add(member, problem);
        }
    }

    fn flag(&mut self, member: &str) -> bool {
        match self.values.get(member) {
            None => false,
            Some(Value::Bool(flag)) => *flag,
            Some(_) => {
                self.fault(member, format!(r#""{member}" must be true or false"#));
                false
            }
        }
    }

    fn seconds(&mut self, member: &str) -> Option<Duration> {
        let value = self.values.get(member)?;
        let seconds = value.as_f64().filter(|seconds| *seconds > 0.0 && *seconds <= MAX_SECONDS);
        if seconds.is_none() {
            let problem = format!(r#""{member}" must be a number above 0, at most 86400"#);
            self.fault(member, problem);
        }
        seconds.map(Duration::from_secs_f64)
    }

    fn max_calls(&mut self) -> Option<u16> {
        let value = self.values.get("max_calls")?;
        let calls = value.as_u64().filter(|calls| (1..=MAX_CALLS).contains(calls));
        if calls.is_none() {
            self.fault("max_calls", r#""max_calls" must be a whole number from 1 to 1000"#);
        }
        calls.and_then(|calls| calls.try_into().ok())
    }

    fn tool_filter(&mut self) -> ToolFilter {
        let Some(tools) = self.values.get("tools") else { return ToolFilter::default() };
        let list = |name: &str| tools.get(name).map_or(Some(None), |it| texts(Some(it)).map(Some));
        let (Some(allow), Some(deny), true) = (list("allow"), list("deny"), tools.is_object())
        else {
            self.fault("tools", NO_FILTER);
            return ToolFilter::default();
        };
        ToolFilter { allow, deny: deny.unwrap_or_default() }
    }

    fn revision(&mut self) -> RevisionChoice {
        let Some(value) = self.values.get("protocol") else { return RevisionChoice::Detected };
        word(value, &REVISIONS).unwrap_or_else(|| {
            self.fault("protocol", NO_REVISION);
            RevisionChoice::Detected
        })
    }

    fn approval_rules(&mut self) -> ApprovalRules {
        let rules = match self.values.get("approval") {
            None => Some(Vec::new()),
            Some(Value::Object(rules)) => rules
                .iter()
                .map(|(pattern, rule)| Some((pattern.clone(), word(rule, &RULES)?)))
                .collect(),
            Some(rule) => word(rule, &RULES).map(|rule| vec![("*".to_owned(), rule)]),
        };
        if rules.is_none() {
            self.fault("approval", NO_RULE);
        }
        ApprovalRules(rules.unwrap_or_default())
    }

    fn trust(&mut self) -> Trust {
        let Some(value) = self.values.get("trust") else { return Trust::Untrusted };
        word(value, &LEVELS).unwrap_or_else(|| {
            self.fault("trust", r#""trust" must be "trusted" or "untrusted""#);
            Trust::Untrusted
        })
    }

    fn transport(&mut self) -> Option<Transport> {
        match (self.values.get("command").cloned(), self.values.get("url").cloned()) {
            (Some(command), None) => self.child(&command),
            (None, Some(url)) => self.http(&url),
            (Some(_), Some(_)) => {
                self.fault("url", r#"it has both "command" and "url"; keep one"#);
                None
            }
            (None, None) => {
                self.faults.add("", r#"it has neither "command" nor "url"; give one"#);
                None
            }
        }
    }

    fn child(&mut self, command: &Value) -> Option<Transport> {
        let is_path = |text: &&str| !text.trim().is_empty() && !text.contains('\0');
        let command = command.as_str().filter(is_path);
        if command.is_none() {
            self.fault("command", r#""command" must be the name or path of a program"#);
        }
        let args = texts(self.values.get("args"));
        let args = args.filter(|args| !args.iter().any(|arg| arg.contains('\0')));
        if args.is_none() {
            self.fault("args", r#""args" must be a list of texts"#);
        }
        let env = pairs(self.values.get("env")).filter(|env| env.iter().all(is_variable));
        if env.is_none() {
            self.fault("env", r#""env" must be an object of variable names and texts"#);
        }
        let cwd = self.values.get("cwd").map(|cwd| cwd.as_str().filter(is_path).map(str::to_owned));
        if cwd == Some(None) {
            self.fault("cwd", r#""cwd" must be the path of a folder"#);
        }
        let command = command?.to_owned();
        Some(Transport::Child { command, args: args?, env: env?, cwd: cwd.flatten() })
    }

    fn http(&mut self, url: &Value) -> Option<Transport> {
        if self.values.get("type").and_then(Value::as_str) == Some("sse") {
            let problem = "the old SSE transport is not spoken; use its streamable HTTP endpoint";
            self.fault("type", problem);
        }
        let is_http = |text: &&str| {
            Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "http" | "https"))
        };
        let url = url.as_str().filter(is_http);
        if url.is_none() {
            self.fault("url", r#""url" must be an http or https address"#);
        }
        let headers = pairs(self.values.get("headers"));
        let headers = headers.filter(|headers| headers.iter().all(is_header));
        if headers.is_none() {
            self.fault("headers", r#""headers" must be an object of header names and texts"#);
        }
        Some(Transport::Http { url: url?.to_owned(), headers: headers? })
    }

    /// Warns of members that do nothing: a typing error would otherwise leave a limit out in silence.
    fn look_for_idle(&mut self) {
        let Self { values, warnings, .. } = self;
        warn_of_unknown(values, "", &MEMBERS, warnings);
        if let Some(Value::Object(tools)) = values.get("tools") {
            warn_of_unknown(tools, "tools/", &FILTERS, warnings);
        }
        if let Some(Value::Object(oauth)) = values.get("oauth") {
            warn_of_unknown(oauth, "oauth/", &CLIENT, warnings);
        }
        let (other, than): (&[_], _) =
            if values.contains_key("url") { (&OF_COMMAND, "url") } else { (&OF_URL, "command") };
        for member in other.iter().filter(|member| values.contains_key(**member)) {
            warnings.add(*member, format!(r#""{member}" does nothing beside "{than}""#));
        }
        let is_known = |value: &Value| value.as_str().is_some_and(|it| TYPES.contains(&it));
        if values.get("type").is_some_and(|value| !is_known(value)) {
            warnings.add("type", r#""type" is none that is known here and does nothing"#);
        }
    }
}

fn occurs_twice(place: &str) -> String {
    let is_showable = !place.is_empty() && !place.ends_with('/');
    let member =
        if is_showable { format!(r#""{place}""#) } else { "one of its members".to_owned() };
    format!("{member} occurs more than once; keep one of them")
}

fn warn_of_unknown(
    members: &Map<String, Value>,
    within: &str,
    known: &[&str],
    warnings: &mut Notes,
) {
    let unknown = |(_, member): &(usize, &String)| !known.contains(&member.as_str());
    for (index, member) in members.keys().enumerate().filter(unknown) {
        let (place, shown) = shown(member, index);
        let problem = format!("{shown} is not known here and does nothing");
        warnings.add(format!("{within}{place}"), problem);
    }
}

/// Fills in the variables of every text in a value.
fn fill_in(value: &mut Value, place: &str, variables: &Variables, faults: &mut Notes) {
    match value {
        Value::String(text) => match variables.fill_in(text) {
            Ok(filled) => *text = filled,
            Err(problem) => faults.add(place, format!(r#""{place}" {problem}"#)),
        },
        Value::Array(items) => {
            for (index, item) in items.iter_mut().enumerate() {
                fill_in(item, &format!("{place}/{index}"), variables, faults);
            }
        }
        Value::Object(members) => {
            for (index, (name, member)) in members.iter_mut().enumerate() {
                let (name, _) = shown(name, index);
                fill_in(member, &format!("{place}/{name}"), variables, faults);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn is_variable((name, value): &(String, Secret)) -> bool {
    !name.is_empty() && !name.contains(['=', '\0']) && !value.expose().contains('\0')
}

fn is_header((name, value): &(String, Secret)) -> bool {
    HeaderName::try_from(name).is_ok() && HeaderValue::try_from(value.expose()).is_ok()
}

/// One of a few words.
pub(super) fn word<T: Copy>(value: &Value, words: &[(&str, T)]) -> Option<T> {
    let said = value.as_str()?;
    words.iter().find(|(word, _)| *word == said).map(|(_, meaning)| *meaning)
}

/// A list of texts. Absent is empty; anything else is `None`.
pub(super) fn texts(list: Option<&Value>) -> Option<Vec<String>> {
    match list {
        None => Some(Vec::new()),
        Some(Value::Array(items)) => {
            items.iter().map(|item| item.as_str().map(str::to_owned)).collect()
        }
        Some(_) => None,
    }
}

/// The same for an object of texts.
fn pairs(pairs: Option<&Value>) -> Option<Vec<(String, Secret)>> {
    match pairs {
        None => Some(Vec::new()),
        Some(Value::Object(pairs)) => pairs
            .iter()
            .map(|(name, value)| Some((name.clone(), Secret::new(value.as_str()?))))
            .collect(),
        Some(_) => None,
    }
}
