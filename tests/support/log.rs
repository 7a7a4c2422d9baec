//! What a test logs.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use serde_json::Value;
use tracing::Level;
use tracing::subscriber::DefaultGuard;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;

#[derive(Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    /// What this thread logs from now on.
    pub(crate) fn at(level: Level) -> (Self, DefaultGuard) {
        let log = Self::default();
        let writer = log.clone();
        let layer = tracing_subscriber::fmt::layer().json().with_writer(move || writer.clone());
        let ours = ["orchestrator", "auth", "base", "mcp"].map(|target| (target, level));
        let subscriber =
            tracing_subscriber::registry().with(layer).with(Targets::new().with_targets(ours));
        // Another test may reach a log line first; without a subscriber of its own, tracing would
        // note that line as unwanted for all of us.
        drop(tracing::subscriber::set_global_default(tracing_subscriber::registry()));
        (log, tracing::subscriber::set_default(subscriber))
    }

    /// Each line with its fields and its level.
    pub(crate) fn lines(&self) -> Vec<Value> {
        self.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
