//! The signs to stop: SIGTERM and Ctrl-C.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// A sign to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sign {
    /// From whoever runs the process; others may still send it work.
    Terminate,
    /// From a person at the terminal, who waits for the end.
    Interrupt,
}

/// Both signs, heard from now on.
pub(super) struct Signs {
    terminate: Signal,
    interrupt: Signal,
}

impl Signs {
    pub(super) fn listen() -> io::Result<Self> {
        let terminate = signal(SignalKind::terminate())?;
        Ok(Self { terminate, interrupt: signal(SignalKind::interrupt())? })
    }

    /// Waits for the next one.
    pub(super) async fn next(&mut self) -> Sign {
        tokio::select! {
            _ = self.terminate.recv() => Sign::Terminate,
            _ = self.interrupt.recv() => Sign::Interrupt,
        }
    }
}

/// Waits for the first of them.
pub(super) async fn signalled() -> anyhow::Result<()> {
    Signs::listen()?.next().await;
    Ok(())
}
