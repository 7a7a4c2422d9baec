//! A tool call there and back: by rmcp alone, through our guard, and with the journal in SQLite.

use std::net::TcpListener;
use std::process::{Child, Command};
use std::time::Duration;

use futures::future::join_all;
use tempfile::TempDir;
use tokio::time::Instant;

use crate::call_path::{Bare, CallPath, Guarded, Journal, Way};
use crate::echo::TOOLS;
use crate::median;

/// One after another, and then so many users at once.
const ALONE: u32 = 1_000;
const USERS: u32 = 64;
const EACH: u32 = 50;
const ROUNDS: usize = 5;

pub(crate) async fn tool_calls() {
    let data = TempDir::new().unwrap();
    let journal = Journal::open(data.path()).await;
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let _remote = Remote::start(port);
    println!("a tool call there and back, one after another (p50 < 1 ms), and times rmcp alone");
    println!("calls a second at {USERS} at once (>= 5000 through the guard), and of rmcp alone");
    for way in [Way::Stdio, Way::Http(format!("http://127.0.0.1:{port}/mcp"))] {
        let (bare, guarded) = (Bare::open(&way).await, Guarded::open(&way).await);
        let journaled = (guarded.clone(), journal.clone());
        let paths = [
            ("rmcp alone", CallPath::Bare(bare)),
            ("through the guard", CallPath::Guarded(guarded)),
            ("with the journal in SQLite", CallPath::Journaled(Box::new(journaled))),
        ];
        let found = in_turn(&paths).await;
        let alone = found.first().copied().unwrap_or_default();
        for ((name, _), (time, all)) in paths.iter().zip(found) {
            let what = format!("{}, {name}", way.name());
            let slower = time.as_secs_f64() / alone.0.as_secs_f64();
            let rate = f64::from(USERS * EACH) / all.as_secs_f64();
            let share = alone.1.as_secs_f64() / all.as_secs_f64();
            println!("  {what:<36} {time:>10.1?} {slower:>6.2} {rate:>10.0}/s {share:>6.2}");
        }
    }
}

/// The medians of several rounds, so that what else the machine does falls on all alike.
async fn in_turn(paths: &[(&str, CallPath)]) -> Vec<(Duration, Duration)> {
    let mut found = vec![(Vec::new(), Vec::new()); paths.len()];
    for _ in 0..ROUNDS {
        for ((_, path), (alone, together)) in paths.iter().zip(&mut found) {
            alone.push(median(&mut calls(path, ALONE).await));
            let begun = Instant::now();
            join_all((0..USERS).map(|_| calls(path, EACH))).await;
            together.push(begun.elapsed());
        }
    }
    let medians = found.iter_mut().map(|(alone, together)| (median(alone), median(together)));
    medians.collect()
}

async fn calls(path: &CallPath, count: u32) -> Vec<Duration> {
    let mut times = Vec::new();
    for _ in 0..count {
        let begun = Instant::now();
        path.call().await;
        times.push(begun.elapsed());
    }
    times
}

/// The tool server over HTTP, in a process of its own; dropping it ends it.
struct Remote(Child);

impl Remote {
    fn start(port: u16) -> Self {
        let program = std::env::current_exe().unwrap();
        Self(Command::new(program).env(TOOLS, port.to_string()).spawn().unwrap())
    }
}

impl Drop for Remote {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}
