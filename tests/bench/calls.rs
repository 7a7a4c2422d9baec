//! What a turn asks of the system, counted by strace for one user who asks again and again.

use std::collections::BTreeMap;
use std::io;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use crate::load::{self, Crowd};
use crate::model;
use crate::server::{self, Server};

/// Chunks of a turn.
const CHUNKS: u32 = 20;

/// What is counted apart; writes that wake a thread go to an event file.
const NAMES: [&str; 5] = ["futex", "eventfd", "epoll_wait", "recvfrom", "writev"];

pub(crate) async fn system_calls() {
    println!("system calls of a turn of {CHUNKS} chunks, one user, threads in memory");
    let names = NAMES.map(|name| format!("{name:>11}")).concat();
    println!("  {:<34} {:>6}{names}", "", "all");
    for (pace, gap, turns) in [("together", 0, 100), ("10 ms apart", 10, 20)] {
        let model = model::start(CHUNKS, Duration::ZERO, Duration::from_millis(gap)).await;
        for (name, program) in server::programs() {
            let server = Server::start_keeping(&program, &model, false).await;
            let Ok(counts) = counted(&server, turns).await else {
                println!("  not counted: strace is not here");
                return;
            };
            let each = |count: u32| f64::from(count) / f64::from(turns);
            let all = each(counts.values().sum());
            let columns = NAMES.map(|it| counts.get(it).copied().unwrap_or_default());
            let columns = columns.map(|count| format!("{:>11.1}", each(count))).concat();
            let what = format!("{name}, chunks {pace}");
            println!("  {what:<34} {all:>6.1}{columns}");
        }
    }
}

async fn counted(server: &Server, turns: u32) -> io::Result<BTreeMap<String, u32>> {
    let folder = TempDir::new()?;
    let file = folder.path().join("calls");
    let user = |each| Crowd { users: 1, each, apart: Duration::ZERO };
    let asks = load::turns(&server.url);
    load::first_texts(user(10), &asks).await;
    let mut command = Command::new("strace");
    command.args(["-f", "-y", "-q", "-p", &server.pid().to_string(), "-o"]).arg(&file);
    let tracing = Tracing(command.stderr(Stdio::null()).spawn()?);
    // It counts from the first line on: then every thread is looked at.
    while std::fs::metadata(&file).map_or(0, |it| it.len()) == 0 {
        load::first_texts(user(1), &asks).await;
    }
    let begun = std::fs::metadata(&file)?.len();
    load::first_texts(user(turns), &asks).await;
    drop(tracing);
    let lines = std::fs::read(&file)?;
    let lines = String::from_utf8_lossy(lines.get(usize::try_from(begun).unwrap()..).unwrap());
    let mut counts = BTreeMap::new();
    for line in lines.lines() {
        *counts.entry(name_of(line)).or_default() += 1;
    }
    counts.remove("");
    Ok(counts)
}

/// The call that begins in a line: `PID NAME(FILE<WHAT>, ...`. None does where one goes on or a
/// signal comes.
fn name_of(line: &str) -> String {
    let call = line.split_whitespace().nth(1).unwrap_or_default();
    let Some((name, first)) = call.split_once('(') else { return String::new() };
    let wakes = name == "write" && first.contains("[eventfd]");
    if wakes { "eventfd".to_owned() } else { name.to_owned() }
}

struct Tracing(Child);

impl Drop for Tracing {
    /// It lets go of the process before it ends.
    fn drop(&mut self) {
        let pid = self.0.id().to_string();
        drop(Command::new("kill").args(["-INT", &pid]).status());
        drop(self.0.wait());
    }
}
