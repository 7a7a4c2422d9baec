//! From what happened to what goes on the wire.
