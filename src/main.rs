//! Parses the command line and runs the chosen command.

fn main() {}
