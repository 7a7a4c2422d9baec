//! Pins of tools in memory: after a restart every tool is seen for the first time (ADR 40).

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use futures::FutureExt;
use futures::future::{BoxFuture, ready};

use super::MemoryStore;
use base::domain::{KnownPin, MAX_PINS, Pins, PinsError, ToolDefinition, ToolPin};

/// By server, then by tool.
pub(super) type PinsByServer = HashMap<String, BTreeMap<Arc<str>, ToolDefinition>>;

impl Pins for MemoryStore {
    fn meet<'a>(
        &'a self,
        server: &'a str,
        tools: &'a [ToolPin],
    ) -> BoxFuture<'a, Result<Vec<KnownPin>, PinsError>> {
        let mut all = self.lock();
        let pins = all.pins.entry(server.to_owned()).or_default();
        let mut new = Vec::new();
        if pins.len() < MAX_PINS {
            for ToolPin { tool, definition } in tools {
                if !pins.contains_key(tool) {
                    pins.insert(Arc::clone(tool), definition.clone());
                    new.push(tool);
                }
            }
        }
        let known = pins.iter().map(|(tool, definition)| KnownPin {
            tool: Arc::clone(tool),
            fingerprint: Arc::clone(&definition.fingerprint),
            is_new: new.contains(&tool),
        });
        ready(Ok(known.collect())).boxed()
    }

    fn pinned<'a>(&'a self, server: &'a str) -> BoxFuture<'a, Result<Vec<ToolPin>, PinsError>> {
        let pins = self.lock().pins.get(server).cloned().unwrap_or_default();
        let pins = pins.into_iter().map(|(tool, definition)| ToolPin { tool, definition });
        ready(Ok(pins.collect())).boxed()
    }

    fn approve<'a>(
        &'a self,
        server: &'a str,
        tools: &'a [ToolPin],
    ) -> BoxFuture<'a, Result<(), PinsError>> {
        let mut all = self.lock();
        let pins = all.pins.entry(server.to_owned()).or_default();
        let approved = tools.iter().map(|it| (Arc::clone(&it.tool), it.definition.clone()));
        pins.extend(approved);
        ready(Ok(())).boxed()
    }
}
