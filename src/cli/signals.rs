//! The signals: SIGTERM and Ctrl-C end the server, SIGHUP has it read a file again.

use std::io::{self, IsTerminal};

use tokio::signal::unix::{Signal, SignalKind, signal};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sign {
    /// From the platform; others may still send requests.
    Terminate,
    /// From a person at the terminal, who waits for the end.
    Interrupt,
}

/// Receives both signals, from its creation on.
pub(super) struct Signs {
    terminate: Signal,
    interrupt: Signal,
}

impl Signs {
    pub(super) fn listen() -> io::Result<Self> {
        let terminate = signal(SignalKind::terminate())?;
        Ok(Self { terminate, interrupt: signal(SignalKind::interrupt())? })
    }

    pub(super) async fn next(&mut self) -> Sign {
        tokio::select! {
            _ = self.terminate.recv() => Sign::Terminate,
            _ = self.interrupt.recv() => Sign::Interrupt,
        }
    }
}

/// Receives SIGHUP, from its creation on. It has two meanings: an operator sends it to a server that
/// runs in the background, and the system when a terminal is closed.
pub(super) struct Hangups {
    hangup: Signal,
    had_terminal: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hangup {
    Reload,
    TerminalClosed,
}

impl Hangups {
    pub(super) fn listen() -> io::Result<Self> {
        Ok(Self { hangup: signal(SignalKind::hangup())?, had_terminal: has_terminal() })
    }

    pub(super) async fn next(&mut self) -> Hangup {
        self.hangup.recv().await;
        if self.had_terminal && !has_terminal() { Hangup::TerminalClosed } else { Hangup::Reload }
    }
}

fn has_terminal() -> bool {
    io::stderr().is_terminal()
}

/// Waits for the first signal.
pub(super) async fn signalled() -> anyhow::Result<()> {
    Signs::listen()?.next().await;
    Ok(())
}
