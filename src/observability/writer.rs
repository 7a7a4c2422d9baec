//! Log lines leave the hot path through a bounded queue; a full queue drops lines and says how many.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use tracing_subscriber::fmt::MakeWriter;

/// So many lines may wait.
const BACKLOG: usize = 4_096;

/// Takes lines without waiting.
#[derive(Clone, Debug)]
pub struct Lines {
    queue: SyncSender<Vec<u8>>,
    dropped: Arc<AtomicU64>,
}

/// The thread that writes; dropping it writes what still waits.
#[derive(Debug)]
#[must_use = "dropping this ends the log"]
pub struct Background {
    stop: Option<SyncSender<Vec<u8>>>,
    thread: Option<JoinHandle<()>>,
}

/// One line while it is formatted.
#[derive(Debug)]
pub struct Line<'a> {
    lines: &'a Lines,
    bytes: Vec<u8>,
}

impl Background {
    /// Writes lines to `out` from a thread of its own.
    pub fn start(out: impl Write + Send + 'static) -> io::Result<(Lines, Self)> {
        let (queue, waiting) = sync_channel(BACKLOG);
        let dropped = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&dropped);
        let thread = std::thread::Builder::new()
            .name("log".to_owned())
            .spawn(move || write_all(&waiting, &counted, out))?;
        let stop = Some(queue.clone());
        Ok((Lines { queue, dropped }, Self { stop, thread: Some(thread) }))
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        // An empty line is the sign to end: the subscriber keeps its own end of the queue open.
        let told = self.stop.take().is_some_and(|queue| queue.send(Vec::new()).is_ok());
        if let Some(thread) = self.thread.take().filter(|_| told) {
            drop(thread.join());
        }
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Line<'a>;

    fn make_writer(&'a self) -> Line<'a> {
        Line { lines: self, bytes: Vec::with_capacity(512) }
    }
}

impl Write for Line<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Line<'_> {
    fn drop(&mut self) {
        let line = std::mem::take(&mut self.bytes);
        if !line.is_empty() && self.lines.queue.try_send(line).is_err() {
            self.lines.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

fn write_all(waiting: &Receiver<Vec<u8>>, dropped: &AtomicU64, mut out: impl Write) {
    while let Ok(line) = waiting.recv() {
        let lost = dropped.swap(0, Ordering::Relaxed);
        if lost > 0 {
            // A log that cannot be written cannot be complained about.
            drop(writeln!(out, r#"{{"level":"WARN","message":"Log lines lost","lines":{lost}}}"#));
        }
        if line.is_empty() {
            break;
        }
        drop(out.write_all(&line));
    }
    drop(out.flush());
}
