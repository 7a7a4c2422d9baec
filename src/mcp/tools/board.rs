//! The tools of all servers: their names for the model, and the server of each call (ADR 1).

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;
use tokio::sync::watch;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::super::ServerSettings;
use super::super::call::server::{Server, ServerStatus};
use super::super::content::offered::content_of;
use super::super::content::reading_tools::reading_tools;
use super::super::survey::ServerSurvey;
use super::look_alikes::look_alike;
use super::pins::{OpenPins, PinBook, Standing};
use super::server_tools::{LeftOut, MAX_TOOLS};
use base::domain::{
    ApprovalRule, BreakerReport, BreakerState, BuiltInTool, CallCounts, Catalog, Dependency,
    Detail, Effect, ServerContent, ServerInstructions, Tool, ToolCall, ToolId, ToolPin,
    fair_shares,
};

/// Of all servers together: it is sent with each request. Those that come later are left out.
const MAX_INSTRUCTIONS_BYTES: usize = 16 * 1024;

const HELD_BACK: &str =
    "tools are held back, because they are not as they are pinned, or their server has too many";

/// The servers of one reading of the configuration, and what they offer now.
#[derive(Debug)]
pub(crate) struct Board {
    pub(crate) servers: Vec<Arc<RunningServer>>,
    pub(crate) unused: Vec<UnusedServer>,
    pins: Arc<PinBook>,
    offered: watch::Sender<Arc<OfferedTools>>,
}

/// A server and the task that keeps it connected. Dropping it ends that task.
#[derive(Debug)]
pub(crate) struct RunningServer {
    pub(crate) server: Arc<Server>,
    /// The one that it replaces, which serves until this one has answered (ADR 39).
    before: Mutex<Option<Arc<RunningServer>>>,
    _ends_with_this: DropGuard,
}

/// A server that is configured with faults, so that it is not connected.
#[derive(Clone, Debug)]
pub(crate) struct UnusedServer {
    pub(crate) name: Arc<str>,
    /// What the operator must change.
    pub(crate) advice: String,
}

impl RunningServer {
    pub(crate) fn new(
        server: Arc<Server>,
        before: Option<Arc<Self>>,
        stop: CancellationToken,
    ) -> Self {
        Self { server, before: Mutex::new(before), _ends_with_this: stop.drop_guard() }
    }

    /// The one that serves in its place, if it does not serve itself yet.
    pub(crate) fn before(&self) -> Option<Arc<Self>> {
        let mut before = self.before.lock().unwrap_or_else(PoisonError::into_inner);
        if !self.server.has_taken_over() {
            return before.clone();
        }
        let over = before.take();
        let (name, has_answered) = (self.server.name(), self.server.status().has_answered);
        if over.is_some() && !has_answered {
            tracing::warn!(mcp.server = %name, "A changed server fails beside the one of before, which is stopped");
        }
        None
    }

    /// The one that serves at present.
    pub(crate) fn serving(self: &Arc<Self>) -> Arc<Self> {
        self.before().unwrap_or_else(|| Arc::clone(self))
    }

    pub(crate) fn report(self: &Arc<Self>) -> Dependency {
        let serving = self.serving();
        let mut told = serving.server.report();
        if let Detail::Mcp { advice, .. } = &mut told.detail
            && !Arc::ptr_eq(&serving, self)
        {
            let why = self.server.status().fault.map(|fault| fault.to_string());
            let why = why.unwrap_or_else(|| "it has not answered".to_owned());
            *advice = Some(format!("after its change: {why}; until then it serves as before"));
        }
        told
    }
}

impl UnusedServer {
    pub(crate) fn report(&self) -> Dependency {
        let breaker = BreakerReport {
            state: BreakerState::Closed,
            consecutive_failures: 0,
            retry_in_seconds: None,
            cooling_seconds: None,
            calls: CallCounts::default(),
        };
        let (connected, tools, protocol_version) = (false, 0, None);
        let (advice, reason, left_out) = (Some(self.advice.clone()), None, Vec::new());
        let detail = Detail::Mcp { connected, tools, protocol_version, advice, reason, left_out };
        Dependency { name: format!("mcp:{}", self.name), breaker, detail }
    }
}

/// What is offered at one moment. Replaced as a whole, so a turn keeps one consistent list.
#[derive(Debug, Default)]
pub(crate) struct OfferedTools {
    pub(crate) catalog: Arc<Catalog>,
    /// Includes the tools of a lost server: a call to one is "not available", not "unknown tool".
    routes: HashMap<ToolId, Route>,
    /// The servers that have something besides tools.
    pub(crate) holders: HashMap<Arc<str>, Arc<RunningServer>>,
    /// From the names shown to the model to the tools.
    names: HashMap<String, ToolId>,
    /// Whether every server has connected or failed once.
    pub(crate) settled: bool,
    /// Not offered because there are too many, or because they cannot be used, by server.
    left_out: BTreeMap<Arc<str>, LeftOut>,
    /// Not offered because of their pins, by server (ADR 40).
    held_back: BTreeMap<Arc<str>, LeftOut>,
}

#[derive(Clone, Debug)]
pub(crate) struct Route {
    /// Held by calls, so that none breaks off when a changed server takes over.
    pub(crate) running: Arc<RunningServer>,
    pub(crate) tool: ToolId,
    /// The schema of its arguments, as the server sent it.
    pub(crate) schema: Arc<Value>,
    pub(crate) effect: Effect,
    pub(crate) honours_keys: bool,
}

/// What a server would offer if there were room for all, under the names that a model sees.
#[derive(Debug)]
struct ServerOffer {
    running: Arc<RunningServer>,
    status: ServerStatus,
    tools: Vec<Tool>,
}

impl Board {
    pub(crate) fn new(
        servers: Vec<Arc<RunningServer>>,
        unused: Vec<UnusedServer>,
        pins: Arc<PinBook>,
    ) -> Self {
        let offered = watch::Sender::new(Arc::new(compile(&servers, &unused, &pins)));
        Self { servers, unused, pins, offered }
    }

    pub(crate) fn report(&self) -> Vec<Dependency> {
        let offered = self.offered();
        let running = self.servers.iter().map(|it| offered.told_in(it.report()));
        running.chain(self.unused.iter().map(UnusedServer::report)).collect()
    }

    pub(crate) fn survey(&self) -> Vec<ServerSurvey> {
        let (are_several, offered) = (are_several(&self.servers, &self.unused), self.offered());
        let running = self.servers.iter().map(|it| {
            let report = offered.told_in(it.server.report());
            ServerSurvey::of(&it.server, report, are_several)
        });
        running.chain(self.unused.iter().map(ServerSurvey::unused)).collect()
    }

    /// The tools that wait for their pins, or for the operator.
    pub(crate) fn open_pins(&self) -> Vec<OpenPins> {
        let open = self.servers.iter().map(RunningServer::serving).map(|it| {
            let (server, offer) = (&it.server, it.server.status().offer);
            let is_open =
                |pin: &&ToolPin| self.pins.standing(&server.settings, pin) != Standing::Known;
            let tools = offer.pins.iter().filter(is_open).cloned().collect();
            OpenPins { server: Arc::clone(server.name()), tools }
        });
        open.filter(|open| !open.tools.is_empty()).collect()
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
            let next = compile(&self.servers, &self.unused, &self.pins);
            if next.left_out != offered.left_out {
                warn_of_left_out(&next.left_out);
            }
            if next.held_back != offered.held_back {
                warn_of_held_back(&next.held_back);
            }
            *offered = Arc::new(next);
        });
    }
}

fn warn_of_left_out(left_out: &BTreeMap<Arc<str>, LeftOut>) {
    for (server, tools) in left_out {
        tracing::warn!(
            mcp.server = %server,
            tools.left_out = %tools,
            "Some tools are left out: too many, too large, unreadable, without a name, or with a name that is taken"
        );
    }
}

fn warn_of_held_back(held_back: &BTreeMap<Arc<str>, LeftOut>) {
    for (server, tools) in held_back {
        tracing::warn!(mcp.server = %server, %tools, "{HELD_BACK}; {}", what_to_do(server));
    }
}

fn what_to_do(server: &str) -> String {
    format!(
        "`orchestrator tools` shows what changed, `orchestrator tools approve {server}` offers \
         them again"
    )
}

/// With several servers configured, connected or not, with faults or without, names begin with their
/// server. If names depended on who is connected, they would change their tool within a conversation
/// (ADR 1).
fn compile(
    servers: &[Arc<RunningServer>],
    unused: &[UnusedServer],
    pins: &PinBook,
) -> OfferedTools {
    let (mut catalog, mut offered) = (Catalog::default(), OfferedTools::default());
    let (are_several, mut offers) = (are_several(servers, unused), Vec::new());
    offered.settled = true;
    catalog.missing.extend(unused.iter().map(|server| Arc::clone(&server.name)));
    for changed in servers {
        let (running, settings) = (changed.serving(), &changed.server.settings);
        let (server, status) = (&running.server, running.server.status());
        if !status.is_connected() {
            catalog.missing.push(Arc::clone(server.name()));
        } else if let Some(text) = &status.offer.instructions {
            instruct(&mut catalog.instructions, server.name(), text);
        }
        offered.settled &= status.is_settled();
        offered.hold(&mut catalog, content_of(settings, server, &status), &running);
        let mut known = Vec::new();
        for (tool, pin) in status.offer.tools.iter().zip(&status.offer.pins) {
            // What the operator no longer lets in is gone at once, whoever serves.
            if !settings.tools.lets_in(&tool.name) {
                continue;
            }
            let name = shown_name(server.name(), &tool.name, are_several);
            match pins.standing(&server.settings, pin) {
                Standing::Known => known.push(under_both_rules(tool, name, (settings, server))),
                Standing::HeldBack => {
                    let held_back = offered.held_back.entry(Arc::clone(server.name()));
                    held_back.or_default().add(&tool.name);
                    catalog.held_back.push(name);
                }
                Standing::Unchecked => offered.settled &= !pins.can_be_checked(),
            }
        }
        if !status.offer.left_out.is_empty() {
            offered.left_out.insert(Arc::clone(server.name()), status.offer.left_out.clone());
        }
        offers.push(ServerOffer { running, status, tools: known });
    }
    offered.place(&mut catalog, &offers);
    catalog.tools.extend(reading_tools(&catalog.content));
    offered.catalog = Arc::new(catalog);
    offered
}

/// A tool as it is offered. No call of it is made that waits for a person before or after a change of
/// its server (ADR 39).
fn under_both_rules(
    tool: &Tool,
    name: String,
    (settings, server): (&ServerSettings, &Server),
) -> Tool {
    let [now, before] =
        [settings, &server.settings].map(|settings| settings.approval.rule_for(&tool.name));
    let approval = ApprovalRule::stricter(now, before);
    Tool { name, trust: settings.trust, approval, ..tool.clone() }
}

/// Adds what a server says of itself, if there is room.
fn instruct(all: &mut Vec<ServerInstructions>, server: &Arc<str>, text: &Arc<str>) {
    let used: usize = all.iter().map(|other| other.text.len()).sum();
    if used + text.len() <= MAX_INSTRUCTIONS_BYTES {
        all.push(ServerInstructions { server: Arc::clone(server), text: Arc::clone(text) });
    }
}

fn are_several(servers: &[Arc<RunningServer>], unused: &[UnusedServer]) -> bool {
    servers.len() + unused.len() > 1
}

impl OfferedTools {
    /// Routes a stored call by its tool's identity, not by its name. Calls of earlier releases have
    /// only a name (ADR 1).
    pub(crate) fn route(&self, call: &ToolCall) -> Option<&Route> {
        self.routes.get(call.tool.as_ref().or_else(|| self.names.get(&call.name))?)
    }

    /// Tells in a server's report how many of its tools are offered, and what the operator must do
    /// for the others.
    fn told_in(&self, mut report: Dependency) -> Dependency {
        let server = report.name.strip_prefix("mcp:").unwrap_or_default();
        if let Detail::Mcp { tools, advice, left_out, .. } = &mut report.detail {
            let is_its = |tool: &&Tool| tool.origin.server().is_some_and(|it| **it == *server);
            *tools = self.catalog.tools.iter().filter(is_its).count();
            *left_out = self.left_out.get(server).map(LeftOut::listed).unwrap_or_default();
            if let (Some(held), None) = (self.held_back.get(server), &advice) {
                *advice = Some(format!("{HELD_BACK}: {held}; {}", what_to_do(server)));
            }
        }
        report
    }

    fn hold(
        &mut self,
        catalog: &mut Catalog,
        content: Option<ServerContent>,
        running: &Arc<RunningServer>,
    ) {
        let Some(content) = content else { return };
        self.holders.insert(Arc::clone(&content.server), Arc::clone(running));
        catalog.content.push(content);
    }

    /// No server takes the places of others, however many tools it has (ADR 39).
    fn place(&mut self, catalog: &mut Catalog, offers: &[ServerOffer]) {
        let wanted: Vec<_> = offers.iter().map(|offer| offer.tools.len()).collect();
        for (offer, places) in offers.iter().zip(fair_shares(MAX_TOOLS, &wanted)) {
            let (fitting, others) = offer.tools.split_at(places.min(offer.tools.len()));
            for tool in fitting {
                self.add(catalog, tool, offer);
            }
            for tool in others {
                self.leave_out(offer.running.server.name(), &tool.name);
            }
        }
    }

    fn add(&mut self, catalog: &mut Catalog, tool: &Tool, offer: &ServerOffer) {
        let Some(id) = tool.origin.id() else { return };
        if self.names.contains_key(&tool.name) {
            self.leave_out(&id.server, &tool.name);
            return;
        }
        if offer.status.is_connected() {
            catalog.tools.push(tool.clone());
        }
        let route = Route {
            running: Arc::clone(&offer.running),
            tool: id.clone(),
            schema: Arc::clone(&tool.schema),
            effect: tool.effect(),
            honours_keys: tool.honours_keys,
        };
        self.routes.insert(id.clone(), route);
        self.names.insert(tool.name.clone(), id.clone());
    }

    fn leave_out(&mut self, server: &Arc<str>, name: &str) {
        self.left_out.entry(Arc::clone(server)).or_default().add(name);
    }
}

/// The name shown to the model. Names of built-in tools are reserved, with whatever looks like them:
/// a server with the name `ask_user` could ask questions in our name and answer them itself (ADR 13,
/// ADR 40).
pub(crate) fn shown_name(server: &str, tool: &str, are_several: bool) -> String {
    if are_several || BuiltInTool::ALL.iter().any(|it| look_alike(tool, it.name())) {
        format!("{server}__{tool}")
    } else {
        tool.to_owned()
    }
}
