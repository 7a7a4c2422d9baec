//! The bundled todo MCP server: a product of its own.
