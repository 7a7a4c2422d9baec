//! Whose todos a call is about. Only the channel says so, never the arguments: a model writes those.

use std::sync::Arc;

use axum::http::request::Parts;
use rmcp::ErrorData;
use rmcp::handler::server::common::FromContextPart;
use rmcp::handler::server::tool::ToolCallContext;
use serde_json::Value;

use super::http::tokens::{Visitor, Voice};
use super::refusal::Refusal;
use super::server::TodoServer;

/// The owner of everything that was made without a name.
const ANYONE: &str = "anyone";
/// In bytes: the longest name of a tenant or a user.
const MAX_NAME: usize = 200;
/// The member of a call's `_meta` with its owner.
const OWNER: &str = "orchestrator/owner";

/// `anyone`, or a tenant and a user as `tenant/user`. The same text for the same person, whoever
/// tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TodoOwner(Arc<str>);

/// Whose word counts.
#[derive(Clone, Copy, Debug)]
pub(super) enum Channel {
    /// Whoever writes to it started this process, so its word counts.
    Pipe,
    /// Anybody may write to it, so a token says whose word counts.
    Socket,
}

pub(super) struct GivenOwner(pub(super) Result<TodoOwner, Refusal>);

impl TodoOwner {
    pub(super) fn anyone() -> Self {
        Self(ANYONE.into())
    }

    /// None if one of them is no name. A tenant has no slash, so two pairs are never one owner.
    pub(super) fn user(tenant: &str, user: &str) -> Option<Self> {
        let is_plain = |name: &str| !name.contains(char::is_control) && name.trim() == name;
        let is_name = |name: &str| name.len() <= MAX_NAME && is_plain(name);
        let fine = is_name(tenant) && is_name(user) && !user.is_empty() && !tenant.contains('/');
        fine.then(|| Self(format!("{tenant}/{user}").into()))
    }

    fn named(name: &str) -> Option<Self> {
        if name == ANYONE {
            return Some(Self::anyone());
        }
        let (tenant, user) = name.split_once('/')?;
        Self::user(tenant, user)
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromContextPart<ToolCallContext<'_, TodoServer>> for GivenOwner {
    fn from_context_part(context: &mut ToolCallContext<'_, TodoServer>) -> Result<Self, ErrorData> {
        Ok(Self(match context.service.channel() {
            Channel::Pipe => told(context.request_context.meta.0.0.get(OWNER)),
            Channel::Socket => proven(context),
        }))
    }
}

/// Over HTTP the token decides whether `_meta` counts.
fn proven(context: &ToolCallContext<'_, TodoServer>) -> Result<TodoOwner, Refusal> {
    let parts = context.request_context.extensions.get::<Parts>();
    let visitor = parts.and_then(|parts| parts.extensions.get::<Visitor>());
    match visitor.map(|visitor| &visitor.voice) {
        // Whoever names somebody else was given the wrong token.
        Some(Voice::Own(owner)) => match context.request_context.meta.0.0.get(OWNER) {
            Some(name) if told(Some(name)).as_ref().ok() != Some(owner) => Err(Refusal::Untold),
            Some(_) | None => Ok(owner.clone()),
        },
        // A caller that forgets to say for whom must not reach anyone's list instead.
        Some(Voice::ForOthers) => match context.request_context.meta.0.0.get(OWNER) {
            Some(name) => told(Some(name)),
            None => Err(Refusal::Untold),
        },
        // Never for want of a caller somebody else's todos.
        None => Err(Refusal::Failed),
    }
}

fn told(name: Option<&Value>) -> Result<TodoOwner, Refusal> {
    let Some(name) = name else { return Ok(TodoOwner::anyone()) };
    name.as_str().and_then(TodoOwner::named).ok_or(Refusal::Owner)
}
