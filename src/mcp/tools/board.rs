//! The tools of all servers: their names for the model, and the server of each call (ADR 1).

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::Value;
use tokio::sync::watch;

use super::super::call::server::{Server, ServerStatus};
use super::server_tools::{LeftOut, MAX_TOOLS};
use base::agents::ASK_USER;
use base::domain::{Catalog, Effect, Tool, ToolCall, ToolId};

/// All servers, and what they offer now.
#[derive(Debug)]
pub(crate) struct Board {
    pub(crate) servers: Vec<Arc<Server>>,
    offered: watch::Sender<Arc<OfferedTools>>,
}

/// What is offered at one moment. Replaced as a whole, so a turn keeps one consistent list.
#[derive(Debug, Default)]
pub(crate) struct OfferedTools {
    pub(crate) catalog: Arc<Catalog>,
    /// Includes the tools of a lost server: a call to one is "not available", not "unknown tool".
    routes: HashMap<ToolId, Route>,
    /// From the names shown to the model to the tools.
    names: HashMap<String, ToolId>,
    /// Whether every server has connected or failed once.
    pub(crate) settled: bool,
    left_out: LeftOut,
}

#[derive(Clone, Debug)]
pub(crate) struct Route {
    pub(crate) server: Arc<Server>,
    pub(crate) tool: ToolId,
    /// The schema of its arguments, as the server sent it.
    pub(crate) schema: Arc<Value>,
    pub(crate) effect: Effect,
    pub(crate) honours_keys: bool,
}

impl Board {
    pub(crate) fn new(servers: Vec<Arc<Server>>) -> Self {
        let offered = watch::Sender::new(Arc::new(compile(&servers)));
        Self { servers, offered }
    }

    pub(crate) fn offered(&self) -> Arc<OfferedTools> {
        Arc::clone(&self.offered.borrow())
    }

    pub(crate) fn subscribe(&self) -> watch::Receiver<Arc<OfferedTools>> {
        self.offered.subscribe()
    }

    /// Reads all servers again. `send_modify` holds the lock meanwhile, so the last caller has seen
    /// all changes before it.
    pub(crate) fn publish(&self) {
        self.offered.send_modify(|offered| {
            let next = compile(&self.servers);
            if next.left_out != offered.left_out && !next.left_out.is_empty() {
                tracing::warn!(
                    tools.offered = next.catalog.tools.len(),
                    tools.left_out = %next.left_out,
                    "Some tools are left out: too many, too large, without a name, or with a name that is taken"
                );
            }
            *offered = Arc::new(next);
        });
    }
}

/// With several servers configured, connected or not, names begin with their server. If names
/// depended on who is connected, they would change their tool within a conversation (ADR 1).
fn compile(servers: &[Arc<Server>]) -> OfferedTools {
    let (mut catalog, mut offered) = (Catalog::default(), OfferedTools::default());
    let are_several = servers.len() > 1;
    offered.settled = true;
    for server in servers {
        let status = server.status();
        if !status.is_connected() {
            catalog.missing.push(Arc::clone(server.name()));
        }
        for tool in &status.offer.tools {
            let name = shown_name(server.name(), &tool.name, are_several);
            offered.add(&mut catalog, name, tool, (server, &status));
        }
        offered.left_out.add_all(&status.offer.left_out);
        offered.settled &= status.is_settled();
    }
    offered.catalog = Arc::new(catalog);
    offered
}

impl OfferedTools {
    /// Routes a stored call by its tool's identity, not by its name. Calls of earlier releases have
    /// only a name (ADR 1).
    pub(crate) fn route(&self, call: &ToolCall) -> Option<&Route> {
        self.routes.get(call.tool.as_ref().or_else(|| self.names.get(&call.name))?)
    }

    fn add(
        &mut self,
        catalog: &mut Catalog,
        name: String,
        tool: &Tool,
        (server, status): (&Arc<Server>, &ServerStatus),
    ) {
        let Some(id) = tool.origin.id() else { return };
        if self.names.len() >= MAX_TOOLS || self.names.contains_key(&name) {
            self.left_out.add(&name);
            return;
        }
        if status.is_connected() {
            catalog.tools.push(Tool { name: name.clone(), ..tool.clone() });
        }
        let route = Route {
            server: Arc::clone(server),
            tool: id.clone(),
            schema: Arc::clone(&tool.schema),
            effect: tool.effect(),
            honours_keys: tool.honours_keys,
        };
        self.routes.insert(id.clone(), route);
        self.names.insert(name, id.clone());
    }
}

/// The name shown to the model. `ask_user` is reserved: a server with that name could ask questions
/// in our name and answer them itself (ADR 13).
fn shown_name(server: &str, tool: &str, are_several: bool) -> String {
    if are_several || tool == ASK_USER { format!("{server}__{tool}") } else { tool.to_owned() }
}
