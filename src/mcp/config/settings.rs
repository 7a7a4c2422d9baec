//! Settings: the servers, and the limits for them. Filled by `config`.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::super::{ApprovalRules, ServerFault, TokenVault, ToolFilter};
use base::domain::{Pins, Secret, Trust};
use base::resilience::GuardSettings;
use outbound::{Outbound, is_here};
use reqwest::Url;

/// More than a server on one thread works on, and enough for one that is fast.
const MAX_CALLS: u16 = 64;

#[derive(Clone, Debug)]
pub struct Settings {
    /// In the order in which their tools are offered.
    pub servers: Vec<ServerSettings>,
    /// Why other servers are not used (ADR 37).
    pub faults: Vec<ServerFault>,
    pub warnings: Vec<ServerFault>,
    /// Limit of one attempt of a tool call, unless its server has its own.
    pub call_timeout: Duration,
    /// Limit for connecting and listing the tools.
    pub connect_timeout: Duration,
    /// The guard of each server's calls. Its first delay is also the first pause between two
    /// attempts to connect.
    pub guard: GuardSettings,
    pub pace: Pace,
    pub outbound: Outbound,
    /// Where the definitions of tools are pinned; None if they are not (ADR 40).
    pub pins: Option<Arc<dyn Pins>>,
    /// Where sign-ins are kept; `None` without a key for it (ADR 42).
    pub vault: Option<TokenVault>,
    /// Where people reach this server, for links to sign in; without a slash at the end.
    pub public_url: String,
}

/// How servers are checked and tried again. Separate from the breaker: when these were its
/// cool-down, `MCP_BREAKER_SECONDS=1` checked every server each second (ADR 1).
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// How often a server over HTTP is checked: its death is not visible otherwise.
    pub look_in: Duration,
    /// Longest pause between two attempts to connect, before jitter.
    pub longest_pause: Duration,
    /// A session of this length resets the pauses.
    pub steady: Duration,
    /// How long a call waits in this process for what a person answers (ADR 44).
    pub answer: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        let often = Duration::from_secs(30);
        let answer = Duration::from_mins(5);
        Self { look_in: often, longest_pause: often, steady: often, answer }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerSettings {
    /// 1 to 32 of `A-Z a-z 0-9 _ -`.
    pub name: String,
    pub transport: Transport,
    /// What is assumed of a tool of which it says nothing (ADR 38).
    pub trust: Trust,
    pub revision: RevisionChoice,
    /// Limit of one attempt of a call, if it is not that of all servers.
    pub call_timeout: Option<Duration>,
    /// How many calls it gets at the same time; others wait (ADR 39).
    pub max_calls: u16,
    pub tools: ToolFilter,
    /// Whether its resources and prompts are let in.
    pub content: ContentChoice,
    /// Which of its calls wait for a person, if that is not the rule for all servers (ADR 38).
    pub approval: ApprovalRules,
    /// Whether the operator wants it to be told for whom each call is made.
    pub tell_owner: bool,
    /// Whether it gets the token of the caller for whom a call is made, in place of an
    /// `Authorization` header of the operator's (ADR 32).
    pub forward_auth: bool,
    /// Whose sign-in calls are made with, if it wants one.
    pub sign_in: SignInBy,
    pub oauth: OAuthClient,
}

/// Who signs in at a server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SignInBy {
    /// The operator, for all calls (ADR 42).
    #[default]
    Operator,
    /// Each caller, for their own calls; the operator for the list of tools (ADR 46).
    Caller,
}

/// What the operator says of our client at a server's issuer (ADR 42). Without an id one is
/// registered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OAuthClient {
    /// An https URL with a path is the address of a document about the client.
    pub client_id: Option<String>,
    pub client_secret: Option<Secret>,
    /// Those that the server asks for if there are none.
    pub scopes: Vec<String>,
}

/// What is let in of what a server has besides tools (ADR 45).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ContentChoice {
    pub resources: bool,
    pub prompts: bool,
}

/// In which revision of the protocol a server is spoken to (ADR 41).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RevisionChoice {
    /// In the newest that it knows. An old server that does not answer the question costs ten
    /// seconds.
    #[default]
    Detected,
    /// 2025-11-25 or older, with sessions.
    Sessions,
    /// 2026-07-28, without sessions.
    Stateless,
}

impl Default for ContentChoice {
    fn default() -> Self {
        Self { resources: true, prompts: true }
    }
}

impl ServerSettings {
    /// An operator's own server, with all its tools and the limits of all servers.
    pub fn new(name: &str, transport: Transport) -> Self {
        Self {
            name: name.to_owned(),
            transport,
            trust: Trust::Untrusted,
            revision: RevisionChoice::Detected,
            call_timeout: None,
            max_calls: MAX_CALLS,
            tools: ToolFilter::default(),
            content: ContentChoice::default(),
            approval: ApprovalRules::default(),
            tell_owner: false,
            forward_auth: false,
            sign_in: SignInBy::Operator,
            oauth: OAuthClient::default(),
        }
    }

    /// Whether each call is made with a credential of its caller, in a session of theirs.
    pub fn acts_for_callers(&self) -> bool {
        self.forward_auth || self.sign_in == SignInBy::Caller
    }

    /// Whether it hears for whom it is called. Only ours, and those that the operator chose: an
    /// owner is a person's name (ADR 29).
    pub fn is_told_owners(&self) -> bool {
        self.tell_owner || self.trust == Trust::Bundled
    }
}

#[derive(Clone, PartialEq, Eq)]
pub enum Transport {
    /// A child process, over its standard input and output.
    Child {
        /// Looked up in `PATH`.
        command: String,
        args: Vec<String>,
        /// Its whole environment besides `PATH`, `HOME`, `LANG` and `TZ`.
        env: Vec<(String, Secret)>,
        /// The folder in which it starts, if not ours.
        cwd: Option<String>,
    },
    /// A streamable HTTP endpoint.
    Http {
        url: String,
        /// Sent with each request.
        headers: Vec<(String, Secret)>,
    },
}

impl Transport {
    /// Whether the operator gave it a credential.
    pub(crate) fn has_credential(&self) -> bool {
        let Self::Http { headers, .. } = self else { return false };
        headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("authorization"))
    }

    /// Whether nobody on the way can read a token that is sent there.
    pub(crate) fn keeps_tokens(&self) -> bool {
        let Self::Http { url, .. } = self else { return false };
        Url::parse(url).is_ok_and(|url| url.scheme() == "https" || is_here(&url))
    }
}

impl fmt::Debug for Transport {
    /// Only its kind: an argument or an address may contain a key, written there or filled in.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self {
            Self::Child { .. } => "Child",
            Self::Http { .. } => "Http",
        };
        out.debug_struct(kind).finish_non_exhaustive()
    }
}
