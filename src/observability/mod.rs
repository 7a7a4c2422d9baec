//! How the house tells what it does: logs.
