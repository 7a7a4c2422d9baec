//! Parses the command line and runs the chosen command.

use std::process::ExitCode;

fn main() -> ExitCode {
    orchestrator::cli::run()
}
