//! What all servers together offer now: names made unique, and which server each leads to.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use serde_json::Value;
use tokio::sync::watch;

use super::listing::{LeftOut, MAX_TOOLS};
use super::server::{Server, Standing};
use crate::domain::{Catalog, Effect, Tool};

/// The longest name that models' providers take.
const MAX_NAME_CHARS: usize = 64;

/// Servers and what they offer; replaced as a whole at each change.
#[derive(Debug)]
pub(super) struct Board {
    pub(super) servers: Vec<Arc<Server>>,
    listing: watch::Sender<Arc<Listing>>,
}

/// What is on offer at one moment.
#[derive(Debug, Default)]
pub(super) struct Listing {
    pub(super) catalog: Arc<Catalog>,
    /// By the name the model uses; a lost server's tools keep theirs, to be told apart from unknown ones.
    pub(super) routes: HashMap<String, Route>,
    /// Every server has connected or failed once.
    pub(super) settled: bool,
    left_out: LeftOut,
}

/// Where a call goes.
#[derive(Clone, Debug)]
pub(super) struct Route {
    pub(super) server: Arc<Server>,
    /// The server's own name for the tool.
    pub(super) tool: String,
    /// What its arguments must be.
    pub(super) schema: Arc<Value>,
    pub(super) effect: Effect,
    pub(super) honours_keys: bool,
}

impl Board {
    /// A board on which nothing is offered yet.
    pub(super) fn new(servers: Vec<Arc<Server>>) -> Self {
        let listing = watch::Sender::new(Arc::new(compile(&servers)));
        Self { servers, listing }
    }

    /// What is on offer now.
    pub(super) fn listing(&self) -> Arc<Listing> {
        Arc::clone(&self.listing.borrow())
    }

    /// Hears of each change.
    pub(super) fn subscribe(&self) -> watch::Receiver<Arc<Listing>> {
        self.listing.subscribe()
    }

    /// Reads all servers again; the last to publish has seen every change before it.
    pub(super) fn publish(&self) {
        self.listing.send_modify(|listing| {
            let next = compile(&self.servers);
            if next.left_out != listing.left_out && !next.left_out.is_empty() {
                tracing::warn!(
                    tools.offered = next.catalog.tools.len(),
                    tools.left_out = %next.left_out,
                    "Some tools are left out: too many, too large or nameless"
                );
            }
            *listing = Arc::new(next);
        });
    }
}

fn compile(servers: &[Arc<Server>]) -> Listing {
    let standings: Vec<_> = servers.iter().map(|server| (server, server.standing())).collect();
    let shared = shared_names(&standings);
    let (mut catalog, mut listing) = (Catalog::default(), Listing::default());
    for (server, standing) in &standings {
        if !standing.is_connected() {
            catalog.missing.push(Arc::clone(server.name()));
        }
        for tool in &standing.offer.tools {
            listing.add(&mut catalog, tool, (server, standing), &shared);
        }
        listing.left_out.add_all(&standing.offer.left_out);
    }
    listing.settled = standings.iter().all(|(_, standing)| standing.is_settled());
    listing.catalog = Arc::new(catalog);
    listing
}

impl Listing {
    fn add(
        &mut self,
        catalog: &mut Catalog,
        tool: &Tool,
        (server, standing): (&Arc<Server>, &Standing),
        shared: &HashSet<String>,
    ) {
        let name = self.free(name_of(tool, shared));
        if catalog.tools.len() >= MAX_TOOLS {
            self.left_out.add(&name);
            return;
        }
        if standing.is_connected() {
            catalog.tools.push(Tool { name: name.clone(), ..tool.clone() });
        }
        let (effect, honours_keys) = (tool.effect, tool.honours_keys);
        let (schema, server) = (Arc::clone(&tool.schema), Arc::clone(server));
        let tool = tool.name.clone();
        self.routes.insert(name, Route { server, tool, schema, effect, honours_keys });
    }

    /// The name, with a number behind it if another tool looks the same once made plain.
    fn free(&self, name: String) -> String {
        let numbered = (2..=MAX_TOOLS).map(|number| {
            let suffix = format!("_{number}");
            let head: String = name.chars().take(MAX_NAME_CHARS - suffix.len()).collect();
            head + &suffix
        });
        let mut names = std::iter::once(name.clone()).chain(numbered);
        names.find(|name| !self.routes.contains_key(name)).unwrap_or(name)
    }
}

/// Names that more than one server uses.
fn shared_names(standings: &[(&Arc<Server>, Standing)]) -> HashSet<String> {
    let (mut seen, mut shared) = (HashSet::new(), HashSet::new());
    for (_, standing) in standings {
        let names: HashSet<_> = standing.offer.tools.iter().map(|tool| plain(&tool.name)).collect();
        shared.extend(names.intersection(&seen).cloned());
        seen.extend(names);
    }
    shared
}

/// `server__tool` where servers clash, else the tool's own name.
fn name_of(tool: &Tool, shared: &HashSet<String>) -> String {
    let name = plain(&tool.name);
    if shared.contains(&name) { plain(&format!("{}__{name}", tool.server)) } else { name }
}

/// Only characters that every provider takes, and a first one that all take first.
fn plain(name: &str) -> String {
    let fine = |c: char| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' };
    let starts_well = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    let start = if starts_well { "" } else { "_" };
    start.chars().chain(name.chars().map(fine)).take(MAX_NAME_CHARS).collect()
}
