//! A server as a child process: a minimal environment, its own process group, a certain end (ADR
//! 1).

use std::ffi::OsString;
use std::io;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tokio::process::{ChildStdin, ChildStdout, Command};
use tokio::time::timeout;

use super::child_stderr::log_lines;
use base::domain::Secret;

/// All that a child gets of our environment, so that no API key reaches it (invariant 9).
const INHERITED: [&str; 4] = ["PATH", "HOME", "LANG", "TZ"];
/// How long a child may take to end after its input was closed, and again after SIGTERM.
const PATIENCE: Duration = Duration::from_secs(1);

/// What is started, as the operator wrote it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Program<'a> {
    pub(crate) command: &'a str,
    pub(crate) args: &'a [String],
    pub(crate) env: &'a [(String, Secret)],
    pub(crate) cwd: Option<&'a str>,
}

/// A running child. Dropping it kills it and its own children.
#[derive(Debug)]
pub(crate) struct Child {
    process: tokio::process::Child,
    /// None once the leader was reaped: the system may give the number to another process.
    group: Option<Pid>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ShutdownMode {
    /// It may finish: its input is closed, then SIGTERM, then SIGKILL.
    Polite,
    /// SIGKILL immediately: it no longer answers.
    AtOnce,
}

pub(crate) type Pipes = (ChildStdout, ChildStdin);

impl Child {
    /// Starts it.
    pub(crate) fn start(server: &Arc<str>, program: &Program<'_>) -> io::Result<(Self, Pipes)> {
        let mut process = Command::new(program.command)
            .args(program.args)
            .current_dir(program.cwd.unwrap_or("."))
            .env_clear()
            .envs(inherited())
            .envs(program.env.iter().map(|(name, value)| (name, value.expose())))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // Its own group: Ctrl-C in our terminal must not reach it while turns still finish, and
            // its own children must end with it.
            .process_group(0)
            .kill_on_drop(true)
            .spawn()?;
        let group = process.id().and_then(|id| i32::try_from(id).ok()).map(Pid::from_raw);
        if let Some(stderr) = process.stderr.take() {
            tokio::spawn(log_lines(stderr, Arc::clone(server)));
        }
        let pipes = process.stdout.take().zip(process.stdin.take());
        let child = Self { process, group };
        Ok((child, pipes.ok_or(io::ErrorKind::BrokenPipe)?))
    }

    /// Waits for its end, then kills what it left behind.
    ///
    /// # Cancel safety
    ///
    /// Can be dropped and called again.
    pub(crate) async fn exited(&mut self) {
        if let Err(error) = self.process.wait().await {
            tracing::debug!(reason = %error.kind(), "The end of a child process cannot be awaited");
        }
        self.signal(Signal::SIGKILL);
        self.group = None;
    }

    /// Ends it within about three seconds. Its input must be closed already.
    pub(crate) async fn end(mut self, mode: ShutdownMode) {
        if mode == ShutdownMode::Polite && timeout(PATIENCE, self.exited()).await.is_err() {
            self.signal(Signal::SIGTERM);
            timeout(PATIENCE, self.exited()).await.unwrap_or_default();
        }
        self.signal(Signal::SIGKILL);
        timeout(PATIENCE, self.exited()).await.unwrap_or_default();
    }

    /// Signals the whole group. A group that is gone is not an error.
    fn signal(&self, signal: Signal) {
        if let Some(Err(error)) = self.group.map(|group| killpg(group, signal)) {
            tracing::trace!(%error, "No process to signal");
        }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.signal(Signal::SIGKILL);
    }
}

/// Passes on variables of the machine unread. That is no setting, so `config` is not involved.
#[expect(clippy::disallowed_methods, reason = "handed on unread, not a setting")]
fn inherited() -> impl Iterator<Item = (&'static str, OsString)> {
    INHERITED.into_iter().filter_map(|name| Some((name, std::env::var_os(name)?)))
}
