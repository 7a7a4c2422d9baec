//! Writes log lines in a separate thread, through a bounded queue. A full queue drops lines and
//! logs how many: a blocked reader of the log must not stop turns.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::time::Duration;

use tokio::time::Instant;
use tracing_subscriber::fmt::MakeWriter;

use super::LogFormat;

/// Lines that may wait.
const BACKLOG: usize = 4_096;

/// Waiting lines are written together, up to this many bytes.
const AT_ONCE: usize = 64 * 1024;

/// How long the thread sleeps after a write: lines logged meanwhile need not wake it, which costs
/// more than writing them (ADR 25).
const LINGER: Duration = Duration::from_millis(5);

/// How long the end waits for the last lines: the reader of stderr may be blocked.
const LAST_LINES: Duration = Duration::from_secs(2);

/// How often the end tries to get into a full queue.
const PAUSE: Duration = Duration::from_millis(10);

/// Takes lines without waiting.
#[derive(Clone, Debug)]
pub struct LogQueue {
    queue: SyncSender<Vec<u8>>,
    dropped: Arc<AtomicU64>,
}

/// The writing thread. Dropping this writes what still waits.
#[derive(Debug)]
#[must_use = "dropping this ends the log"]
pub struct Background {
    queue: SyncSender<Vec<u8>>,
    ended: Receiver<()>,
}

#[derive(Debug)]
pub struct LogLine<'a> {
    log: &'a LogQueue,
    bytes: Vec<u8>,
}

impl Background {
    /// Starts the thread that writes to `out`.
    pub fn start(
        out: impl Write + Send + 'static,
        format: LogFormat,
    ) -> io::Result<(LogQueue, Self)> {
        let (queue, waiting) = sync_channel(BACKLOG);
        let (end, ended) = sync_channel(1);
        let dropped = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&dropped);
        let work = move || {
            write_all(&waiting, &counted, format, out);
            let _heard = end.send(());
        };
        drop(std::thread::Builder::new().name("log".to_owned()).spawn(work)?);
        Ok((LogQueue { queue: queue.clone(), dropped }, Self { queue, ended }))
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        let until = Instant::now() + LAST_LINES;
        // An empty line means the end: the global subscriber keeps its sender forever, so the queue
        // is never closed.
        while let Err(TrySendError::Full(_)) = self.queue.try_send(Vec::new()) {
            if Instant::now() >= until {
                return;
            }
            std::thread::sleep(PAUSE);
        }
        let _in_time = self.ended.recv_timeout(until.saturating_duration_since(Instant::now()));
    }
}

impl<'a> MakeWriter<'a> for LogQueue {
    type Writer = LogLine<'a>;

    fn make_writer(&'a self) -> LogLine<'a> {
        LogLine { log: self, bytes: Vec::with_capacity(512) }
    }
}

impl Write for LogLine<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for LogLine<'_> {
    fn drop(&mut self) {
        let line = std::mem::take(&mut self.bytes);
        if !line.is_empty() && self.log.queue.try_send(line).is_err() {
            self.log.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

fn write_all(
    waiting: &Receiver<Vec<u8>>,
    dropped: &AtomicU64,
    format: LogFormat,
    mut out: impl Write,
) {
    let mut text = Vec::new();
    while let Ok(line) = waiting.recv() {
        let mut is_over = line.is_empty();
        text.extend_from_slice(&line);
        while !is_over && text.len() < AT_ONCE {
            let Ok(line) = waiting.try_recv() else { break };
            is_over = line.is_empty();
            text.extend_from_slice(&line);
        }
        // An error here has no place to be reported.
        drop(out.write_all(&text));
        text.clear();
        let lost = dropped.swap(0, Ordering::Relaxed);
        if lost > 0 {
            drop(writeln!(out, "{}", lines_lost(lost, format)));
        }
        if is_over {
            break;
        }
        std::thread::sleep(LINGER);
    }
    drop(out.flush());
}

/// Written directly, because the queue is full.
fn lines_lost(lost: u64, format: LogFormat) -> String {
    let (now, target) = (jiff::Timestamp::now(), module_path!());
    match format {
        LogFormat::Json => format!(
            r#"{{"timestamp":"{now:.6}","level":"WARN","target":"{target}","message":"Log lines lost","lines":{lost}}}"#
        ),
        LogFormat::Pretty => format!("{now:.6}  WARN Log lines lost lines={lost}"),
    }
}
