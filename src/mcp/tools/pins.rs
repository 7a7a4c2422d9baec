//! Which tools are as they were first seen, or approved (ADR 40).

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::timeout;

use super::super::ServerSettings;
use super::boards::Boards;
use super::server_tools::LeftOut;
use base::domain::{KnownPin, Pins, PinsError, ToolPin, Trust};

/// How soon an approval counts, on every replica. Asked only while a tool waits for one.
const POLL: Duration = Duration::from_secs(1);

/// By tool.
type Fingerprints = HashMap<Arc<str>, Arc<str>>;

/// What this process knows of the pins. Turns and calls read it and never wait for the database.
#[derive(Debug, Default)]
pub(crate) struct PinBook {
    /// None if tools are not pinned.
    pins: Option<Arc<dyn Pins>>,
    /// By server.
    known: Mutex<HashMap<String, Fingerprints>>,
    /// Whether the database did not answer when it was last asked.
    is_blind: AtomicBool,
    news: Notify,
}

/// What a pin says of a tool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It is as it is pinned, or needs no pin.
    Known,
    /// It is not, or there is no room for its pin: it is not offered.
    HeldBack,
    /// Nobody has looked yet: it is not offered until then.
    Unchecked,
}

/// The tools of one server that are not offered because of their pins.
#[derive(Debug)]
pub(crate) struct OpenPins {
    pub(crate) server: Arc<str>,
    pub(crate) tools: Vec<ToolPin>,
}

impl PinBook {
    pub(crate) fn new(pins: Option<Arc<dyn Pins>>) -> Self {
        Self { pins, ..Self::default() }
    }

    pub(crate) fn standing(&self, server: &ServerSettings, pin: &ToolPin) -> Standing {
        // Our own tools change with the program.
        if self.pins.is_none() || server.trust == Trust::Bundled {
            return Standing::Known;
        }
        let known = self.lock();
        match known.get(&server.name).and_then(|pins| pins.get(&pin.tool)) {
            None => Standing::Unchecked,
            Some(fingerprint) if *fingerprint == pin.definition.fingerprint => Standing::Known,
            Some(_) => Standing::HeldBack,
        }
    }

    /// Whether waiting for the database helps.
    pub(crate) fn can_be_checked(&self) -> bool {
        !self.is_blind.load(Ordering::Relaxed)
    }

    /// Tools may have come or changed.
    pub(crate) fn look_again(&self) {
        self.news.notify_one();
    }

    /// Looks up tools that are not offered, as long as there are any. Never returns.
    pub(crate) async fn keep(boards: Arc<Boards>) {
        let book = Arc::clone(&boards.pins);
        let Some(pins) = book.pins.clone() else { return };
        loop {
            let open = boards.open_pins();
            if open.is_empty() {
                book.news.notified().await;
                continue;
            }
            if book.look_up(&*pins, open).await {
                boards.publish();
            }
            drop(timeout(POLL, book.news.notified()).await);
        }
    }

    /// Whether anything is known now that was not before.
    async fn look_up(&self, pins: &dyn Pins, open: Vec<OpenPins>) -> bool {
        let mut is_changed = false;
        for OpenPins { server, tools } in open {
            match pins.meet(&server, &tools).await {
                Ok(known) => is_changed |= self.learn(&server, &tools, known),
                // The next server would not be answered either.
                Err(error) => return self.set_blind(Some(&error)) || is_changed,
            }
        }
        self.set_blind(None) || is_changed
    }

    fn learn(&self, server: &str, asked: &[ToolPin], known: Vec<KnownPin>) -> bool {
        let mut new = LeftOut::default();
        known.iter().filter(|pin| pin.is_new).for_each(|pin| new.add(&pin.tool));
        if !new.is_empty() {
            tracing::info!(mcp.server = server, tools = %new, "Tools seen for the first time are pinned");
        }
        // Without a pin although it was asked for: there was no room. No fingerprint is empty.
        let no_room = asked.iter().map(|pin| (Arc::clone(&pin.tool), "".into()));
        let known = known.into_iter().map(|pin| (pin.tool, pin.fingerprint));
        let now: Fingerprints = no_room.chain(known).collect();
        let before = self.lock().insert(server.to_owned(), now.clone());
        before != Some(now)
    }

    fn set_blind(&self, error: Option<&PinsError>) -> bool {
        let was_blind = self.is_blind.swap(error.is_some(), Ordering::Relaxed);
        if let Some(error) = error.filter(|_| !was_blind) {
            let error = error as &dyn std::error::Error;
            tracing::warn!(error, "Pins cannot be read: tools that are new or changed wait for it");
        }
        was_blind != error.is_some()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Fingerprints>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
