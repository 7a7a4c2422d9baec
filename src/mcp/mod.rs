//! Tools of MCP servers: connected, kept alive, guarded.
