//! Logs the place of a panic and not its message, which may contain user text (ADR 4).

use std::panic::{PanicHookInfo, set_hook};

/// From now on a panic is a line of the log, not plain text on standard error.
pub(super) fn log_panics() {
    set_hook(Box::new(log_panic));
}

pub fn log_panic(panic: &PanicHookInfo<'_>) {
    let place = panic.location().map(ToString::to_string);
    let thread = std::thread::current();
    let (place, thread) = (place.as_deref().unwrap_or("unknown"), thread.name());
    tracing::error!(panic.location = place, panic.thread = thread, "The program panicked");
}
