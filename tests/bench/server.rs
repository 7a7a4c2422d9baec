//! The program under test, as a process of its own.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;
use tokio::time::Instant;

use crate::proxy;

const PROGRAM: &str = env!("CARGO_BIN_EXE_orchestrator");

/// The program under test and, if one was named, an earlier build of it.
pub(crate) fn programs() -> impl Iterator<Item = (&'static str, PathBuf)> {
    let before = std::env::var_os("BEFORE").map(|before| ("before", before.into()));
    before.into_iter().chain([("now", PROGRAM.into())])
}

/// A running server; dropping it ends it.
pub(crate) struct Server {
    pub(crate) url: String,
    pub(crate) ready_after: Duration,
    child: Child,
    data: TempDir,
}

impl Server {
    /// With the bundled offline model.
    pub(crate) async fn start_offline(program: &Path) -> Self {
        Self::start_program(program, &[]).await
    }

    /// With a model of the benchmark's own.
    pub(crate) async fn start_with(model: &str) -> Self {
        Self::start_keeping(Path::new(PROGRAM), model, true).await
    }

    /// The same with this program, and threads in SQLite or in memory.
    pub(crate) async fn start_keeping(program: &Path, model: &str, keeps: bool) -> Self {
        let memory = ("DATABASE_URL", "memory");
        let env = [("GEMINI_API_KEY", "bench"), ("GEMINI_BASE_URL", model), memory];
        Self::start_program(program, env.get(..if keeps { 2 } else { 3 }).unwrap()).await
    }

    /// Not the program but the thinnest proxy to the model, which may keep both texts of a turn.
    pub(crate) async fn start_proxy(model: &str, keeps: bool) -> Self {
        let program = std::env::current_exe().unwrap();
        let env = [(proxy::MODEL, model), (proxy::FILE, "texts.db")];
        Self::start_program(&program, env.get(..if keeps { 2 } else { 1 }).unwrap()).await
    }

    async fn start_program(program: &Path, env: &[(&str, &str)]) -> Self {
        let data = TempDir::new().unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let url = format!("http://127.0.0.1:{port}");
        let started = Instant::now();
        let child = Command::new(program)
            .current_dir(data.path())
            .env_clear()
            .env("PORT", port.to_string())
            .envs(env.iter().copied())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let client = reqwest::Client::new();
        let ready = format!("{url}/health/ready");
        loop {
            assert!(started.elapsed() < Duration::from_secs(10), "the server did not start");
            let answer = client.get(&ready).send().await;
            if answer.is_ok_and(|answer| answer.status() == 200) {
                break;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        Self { url, ready_after: started.elapsed(), child, data }
    }

    /// Where its threads are kept.
    pub(crate) fn database(&self) -> PathBuf {
        self.data.path().join("data/orchestrator.db")
    }

    /// Resident memory of the server and of its child, in KiB, once it is quiet.
    pub(crate) async fn idle_memory(&self) -> (u64, u64) {
        tokio::time::sleep(Duration::from_millis(500)).await;
        let pid = self.child.id();
        let tasks = fs::read_dir(format!("/proc/{pid}/task")).unwrap().flatten();
        let lists = tasks.map(|task| fs::read_to_string(task.path().join("children")));
        let children = lists.map(Result::unwrap_or_default).collect::<String>();
        let child = children.split_whitespace().next().map(str::to_owned);
        (self.memory(), child.map_or(0, |child| memory_of(&child)))
    }

    /// Resident memory in KiB.
    pub(crate) fn memory(&self) -> u64 {
        memory_of(&self.child.id().to_string())
    }

    /// The id of its process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Processor time that its threads have used so far.
    pub(crate) fn processor_time(&self) -> Duration {
        let tasks = fs::read_dir(format!("/proc/{}/task", self.child.id())).unwrap().flatten();
        let times = tasks.map(|task| fs::read_to_string(task.path().join("schedstat")));
        let nanos = times.flatten().filter_map(|it| it.split(' ').next()?.parse::<u64>().ok());
        Duration::from_nanos(nanos.sum())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let pid = self.child.id().to_string();
        drop(Command::new("kill").args(["-TERM", &pid]).status());
        drop(self.child.wait());
    }
}

fn memory_of(pid: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or_default()
}
