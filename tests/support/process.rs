//! The real program as a process of its own, with data in a folder of its own.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use super::watchdog::{Held, Watchdog};

/// Far more than a start or an end takes on the slowest machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// A running server.
pub(crate) struct Running {
    pub(crate) url: String,
    child: Child,
    lines: Mutex<Receiver<String>>,
    seen: Vec<String>,
    _held: Held,
}

/// A program that is not started yet, with an environment that nothing of ours leaks into.
pub(crate) fn program(data: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_orchestrator"));
    command.current_dir(data).env_clear().env("PORT", "0").env("LOG_FORMAT", "json");
    command.env("LAME_DUCK_SECONDS", "0");
    if let Some(path) = std::env::var_os("PATH") {
        command.env("PATH", path);
    }
    command
}

impl Running {
    /// Starts it and waits until it listens.
    pub(crate) fn start(data: &TempDir, env: &[(&str, &str)]) -> Self {
        let mut command = program(data.path());
        Self::spawn(command.envs(env.iter().copied()))
    }

    /// Starts a prepared program and waits until it listens.
    pub(crate) fn spawn(command: &mut Command) -> Self {
        Self::spawn_saying("istening on http", command)
    }

    /// Starts a prepared offline model and waits until it listens.
    pub(crate) fn spawn_model(command: &mut Command) -> Self {
        Self::spawn_saying("base_url", command)
    }

    /// `sign` stands in the line that tells the address.
    fn spawn_saying(sign: &str, command: &mut Command) -> Self {
        let mut child = command.stdin(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        let (lines, seen) = (Mutex::new(lines), Vec::new());
        let mut running = Self { url: String::new(), child, lines, seen, _held: Held::new() };
        let line = running.wait_for(sign);
        let address = line.split("http://").nth(1).unwrap().split(['/', ' ', '"']).next().unwrap();
        running.url = format!("http://{address}");
        running
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Process ids of its children, whichever thread began them.
    pub(crate) fn children(&self) -> Vec<u32> {
        let tasks = std::fs::read_dir(format!("/proc/{}/task", self.pid())).unwrap().flatten();
        let lists = tasks.map(|task| std::fs::read_to_string(task.path().join("children")));
        let lists: Vec<_> = lists.map(Result::unwrap_or_default).collect();
        lists
            .iter()
            .flat_map(|list| list.split_whitespace())
            .map(|pid| pid.parse().unwrap())
            .collect()
    }

    /// The next log line that contains `part`.
    pub(crate) fn wait_for(&mut self, part: &str) -> String {
        loop {
            let line = self.lines.get_mut().unwrap().recv_timeout(PATIENCE);
            let line = line.unwrap_or_else(|_| panic!("no line with {part:?} in {:#?}", self.seen));
            self.seen.push(line.clone());
            if line.contains(part) {
                return line;
            }
        }
    }

    /// The log line before its address that contains `part`.
    pub(crate) fn said(&self, part: &str) -> &str {
        let line = self.seen.iter().find(|line| line.contains(part));
        line.unwrap_or_else(|| panic!("no line with {part:?} in {:#?}", self.seen))
    }

    /// Waits until it is ready for work.
    pub(crate) async fn ready(&self) {
        self.until_ready_says(200).await;
    }

    /// Waits until it says so of being ready.
    pub(crate) async fn until_ready_says(&self, status: u16) {
        let url = format!("{}/health/ready", self.url);
        let watchdog = Watchdog::new();
        while get(&url).await.0 != status {
            watchdog.check("it says so of being ready");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    pub(crate) fn signal(&self, name: &str) {
        let status = Command::new("kill").args([name, &self.pid().to_string()]).status();
        assert!(status.unwrap().success());
    }

    /// Asks it to end and waits for that.
    pub(crate) fn stop(self) -> (ExitStatus, Vec<String>) {
        self.signal("-TERM");
        self.end()
    }

    /// Waits for its end.
    pub(crate) fn end(mut self) -> (ExitStatus, Vec<String>) {
        while let Ok(line) = self.lines.get_mut().unwrap().recv_timeout(PATIENCE) {
            self.seen.push(line);
        }
        let watchdog = Watchdog::new();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return (status, std::mem::take(&mut self.seen));
            }
            watchdog.check("the program ends");
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// A client; the first one in the process installs the TLS provider.
pub(crate) fn client() -> reqwest::Client {
    drop(rustls::crypto::ring::default_provider().install_default());
    reqwest::Client::new()
}

pub(crate) async fn get(url: &str) -> (u16, Value) {
    let Ok(answer) = client().get(url).send().await else { return (0, Value::Null) };
    let status = answer.status().as_u16();
    let text = answer.text().await.unwrap_or_default();
    (status, serde_json::from_str(&text).unwrap_or_default())
}

/// The short form with a JSON answer.
pub(crate) async fn ask(url: &str, body: &Value) -> Value {
    let request = client().post(format!("{url}/chat")).header("accept", "application/json");
    let request = request.header("content-type", "application/json").body(body.to_string());
    let text = request.send().await.unwrap().text().await.unwrap();
    serde_json::from_str(&text).unwrap_or_else(|_| panic!("not JSON: {text}"))
}

/// A stream's events, to its end.
pub(crate) async fn stream(url: &str, body: &Value) -> Vec<Value> {
    let request = client().post(format!("{url}/chat")).header("content-type", "application/json");
    let answer = request.body(body.to_string()).send().await.unwrap();
    super::app::events_in(&answer.text().await.unwrap())
}
