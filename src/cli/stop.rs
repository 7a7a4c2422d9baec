//! The stop signals: SIGTERM and Ctrl-C.

use std::io;

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

/// Waits for the first signal.
pub(super) async fn signalled() -> anyhow::Result<()> {
    Signs::listen()?.next().await;
    Ok(())
}
