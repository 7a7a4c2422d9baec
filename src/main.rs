//! Parses the command line and runs the chosen command.

use std::process::ExitCode;

/// Gives memory back after a rush, which glibc keeps (ADR 36).
#[cfg(feature = "jemalloc")]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    orchestrator::cli::run()
}
