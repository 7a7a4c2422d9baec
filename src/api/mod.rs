//! The door: HTTP in, SSE out.
