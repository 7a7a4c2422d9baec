//! The thinnest tool server, whose one tool answers at once: what a call of it takes, the way takes.

use axum::Router;
use axum::serve::ListenerExt;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, ListToolsResult,
    PaginatedRequestParams, ServerCapabilities, ServerConfig, Tool, ToolAnnotations,
};
use rmcp::service::RequestContext;
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};
use rmcp::{ErrorData, RoleServer, ServerHandler, ServiceExt};
use serde_json::{Map, json};
use std::sync::Arc;
use tokio::net::TcpListener;

/// Set in a copy of the benchmark that is to be this server: `stdio`, or a port.
pub(crate) const TOOLS: &str = "BENCH_TOOLS_AT";
/// Its one tool. It says that it changes something, or no call of it would be in the journal.
pub(crate) const TOOL: &str = "echo";

#[derive(Clone)]
struct Echo;

impl ServerHandler for Echo {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
    }

    async fn list_tools(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        let schema: Map<_, _> = [("type".to_owned(), json!("object"))].into_iter().collect();
        let mut tool = Tool::new(TOOL, "Says what it was told.", schema);
        tool.annotations = Some(ToolAnnotations::new().read_only(false).destructive(false));
        Ok(ListToolsResult::with_all_items(vec![tool]))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let text = serde_json::to_string(&request.arguments).unwrap();
        let result = CallToolResult::success(vec![ContentBlock::text(text)]);
        Ok(CallToolResponse::Complete(result))
    }
}

/// Serves until it is ended.
pub(crate) async fn serve(place: &str) {
    if place == "stdio" {
        let running = Echo.serve(rmcp::transport::stdio()).await.unwrap();
        running.waiting().await.unwrap();
        return;
    }
    let service: StreamableHttpService<Echo, LocalSessionManager> = StreamableHttpService::new(
        || Ok(Echo),
        Arc::default(),
        StreamableHttpServerConfig::default(),
    );
    let listener = TcpListener::bind(format!("127.0.0.1:{place}")).await.unwrap();
    let listener = listener.tap_io(|stream| stream.set_nodelay(true).unwrap());
    axum::serve(listener, Router::new().nest_service("/mcp", service)).await.unwrap();
}
