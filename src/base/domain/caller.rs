//! Who a request comes from, what they own, and what they may do.

use std::fmt;
use std::sync::Arc;

use super::{CallerLimits, CallerToken};

const ANYONE: &str = "anyone";

/// In bytes: the longest name of a tenant or a user.
const MAX_NAME: usize = 200;

/// The owner of threads and todos, by the name under which stores know it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Owner(Arc<str>);

/// The caller of a request: recognised in `api` and passed on to every tool call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// Everything that this caller makes belongs to it, and it sees nothing else.
    pub owner: Owner,
    scopes: Arc<[Scope]>,
    /// Those of the credential, which go before those for everybody (ADR 30).
    pub limits: CallerLimits,
    token: Option<Arc<CallerToken>>,
}

/// What a caller may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Have conversations, and read one's own.
    Chat,
    /// See how the server is doing, in detail.
    Operate,
}

impl Owner {
    /// The owner of everything on a server that does not ask who calls.
    pub fn anyone() -> Self {
        Self(Arc::from(ANYONE))
    }

    /// A user of a tenant, which may be empty; `None` if one of them is no name: too long, or with
    /// control characters or spaces around it. A tenant has no
    /// slash, so two different pairs are never the same owner, and none of them is
    /// [`Owner::anyone`].
    pub fn user(tenant: &str, user: &str) -> Option<Self> {
        let is_plain = |name: &str| !name.contains(char::is_control) && name.trim() == name;
        let is_name = |name: &str| name.len() <= MAX_NAME && is_plain(name);
        let fine = is_name(tenant) && is_name(user) && !user.is_empty() && !tenant.contains('/');
        fine.then(|| Self(format!("{tenant}/{user}").into()))
    }

    /// As a store or a tool server gave it back.
    pub fn named(name: &str) -> Self {
        Self(Arc::from(name))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub fn is_anyone(&self) -> bool {
        *self.0 == *ANYONE
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

impl Caller {
    pub fn new(owner: Owner, scopes: &[Scope]) -> Self {
        Self { owner, scopes: scopes.into(), limits: CallerLimits::default(), token: None }
    }

    #[must_use]
    pub fn with_limits(self, limits: CallerLimits) -> Self {
        Self { limits, ..self }
    }

    /// The same caller, with the token by which it was recognised.
    #[must_use]
    pub fn with_token(self, token: CallerToken) -> Self {
        Self { token: Some(Arc::new(token)), ..self }
    }

    /// Only of those who came with a JSON Web Token: an API key is for this server alone (ADR 32).
    pub fn token(&self) -> Option<&CallerToken> {
        self.token.as_deref()
    }

    /// The caller of a server that does not ask who calls, with all rights.
    pub fn anyone() -> Self {
        Self::new(Owner::anyone(), &[Scope::Chat, Scope::Operate])
    }

    pub fn may(&self, scope: Scope) -> bool {
        self.scopes.contains(&scope)
    }
}

impl Scope {
    /// All scopes, by the names that people write.
    pub const NAMES: [(&'static str, Self); 2] = [("chat", Self::Chat), ("operate", Self::Operate)];

    pub fn named(name: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(known, _)| *known == name).map(|(_, scope)| *scope)
    }
}
