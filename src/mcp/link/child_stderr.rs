//! What a child writes to stderr: read to the end, or it would block on a full pipe, but no faster
//! than a server has reason to write (ADR 39). It may contain user text, so the text is logged at
//! trace level only (ADR 1).

use std::sync::Arc;
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::process::ChildStderr;
use tokio::time::{Instant, sleep_until};

use base::domain::clean;

const MAX_LINE_BYTES: usize = 200;
const SECOND: Duration = Duration::from_secs(1);
/// What is read in a second. Whoever writes more waits.
const MAX_BYTES_PER_SECOND: usize = 4 * 1024 * 1024;
/// What is logged in a second. Others are counted.
const MAX_LINES_PER_SECOND: u32 = 50;

struct StderrLog {
    server: Arc<str>,
    line: Vec<u8>,
    second: Instant,
    bytes: usize,
    told: u32,
    untold: u64,
}

pub(super) async fn log_lines(mut stderr: ChildStderr, server: Arc<str>) {
    let (line, second) = (Vec::with_capacity(MAX_LINE_BYTES), Instant::now());
    let mut log = StderrLog { server, line, second, bytes: 0, told: 0, untold: 0 };
    let mut chunk = [0; 4 * 1024];
    while let Ok(length @ 1..) = stderr.read(&mut chunk).await {
        chunk.iter().take(length).for_each(|byte| log.take(*byte));
        log.bytes += length;
        if log.bytes > MAX_BYTES_PER_SECOND {
            sleep_until(log.second + SECOND).await;
            log.begin_second();
        }
    }
    log.end_line();
    log.begin_second();
}

impl StderrLog {
    fn take(&mut self, byte: u8) {
        if byte == b'\n' {
            self.end_line();
        } else if self.line.len() < MAX_LINE_BYTES {
            self.line.push(byte);
        }
    }

    fn end_line(&mut self) {
        if self.line.is_empty() {
            return;
        }
        if self.second.elapsed() > SECOND {
            self.begin_second();
        }
        if self.told < MAX_LINES_PER_SECOND {
            self.told += 1;
            self.tell_line();
        } else {
            self.untold += 1;
        }
        self.line.clear();
    }

    fn tell_line(&self) {
        let (server, bytes) = (&*self.server, self.line.len());
        tracing::debug!(mcp.server = server, bytes, "A tool server wrote to stderr");
        let text = clean(&String::from_utf8_lossy(&self.line));
        tracing::trace!(mcp.server = server, text, "What it wrote");
    }

    fn begin_second(&mut self) {
        let (server, lines) = (&*self.server, self.untold);
        if lines > 0 {
            tracing::debug!(mcp.server = server, lines, "It wrote more, which is not logged");
        }
        (self.second, self.bytes, self.told, self.untold) = (Instant::now(), 0, 0, 0);
    }
}
