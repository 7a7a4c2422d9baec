//! The bundled todo server, through an MCP client, on every database it knows.

mod changing;
mod history;
mod http;
mod limits;
mod listing;
mod owners;
mod preparation;
mod repeating;
mod sessions;
mod storage;
mod talking;
mod tokens;

use rmcp::model::{CallToolRequestParams, CallToolResult, MetaObject, ProtocolVersion};
use rmcp::service::{ClientLifecycleMode, ClientServiceExt, RunningService};
use rmcp::transport::IntoTransport;
use rmcp::{RoleClient, ServiceExt};
use serde_json::{Value, json};
use tempfile::TempDir;
use todo::{Settings, TodoServer};

/// Runs each fact against each database.
macro_rules! on_every_database {
    ($($fact:ident),* $(,)?) => {
        mod memory { $(#[tokio::test] async fn $fact() {
            super::$fact(super::Desk::open("memory").await).await;
        })* }
        mod sqlite { $(#[tokio::test] async fn $fact() {
            super::$fact(super::Desk::sqlite().await).await;
        })* }
        mod postgresql { $(#[tokio::test] async fn $fact() {
            let Some(url) = crate::support::postgres::database().await else { return };
            super::$fact(super::Desk::open(&url).await).await;
        })* }
    };
}
use on_every_database;

/// A todo server and somebody who calls it.
struct Desk {
    client: RunningService<RoleClient, ()>,
    url: String,
    _folder: Option<TempDir>,
}

impl Desk {
    async fn sqlite() -> Self {
        let folder = TempDir::new().unwrap();
        let url = format!("sqlite://{}/deep/todos.db", folder.path().display());
        Self { _folder: Some(folder), ..Self::open(&url).await }
    }

    async fn open(url: &str) -> Self {
        let server = TodoServer::open(&settings(url)).await.unwrap();
        let (here, there) = tokio::io::duplex(64 * 1024);
        drop(tokio::spawn(async move { server.serve(there).await.unwrap().waiting().await }));
        let client = ().serve(here).await.unwrap();
        Self { client, url: url.to_owned(), _folder: None }
    }

    /// What a tool answers: the structured content, or the words of a refusal.
    async fn call(&self, tool: &'static str, arguments: Value) -> Result<Value, String> {
        answer(call(&self.client, tool, arguments).await)
    }

    async fn create(&self, arguments: Value) -> Value {
        self.call("create_todo", arguments).await.unwrap()
    }

    /// The id of a new todo.
    async fn id_of(&self, arguments: Value) -> String {
        self.create(arguments).await["id"].as_str().unwrap().to_owned()
    }

    /// The titles on one page.
    async fn titles(&self, arguments: Value) -> Vec<String> {
        let page = self.call("list_todos", arguments).await.unwrap();
        let todos = page["todos"].as_array().unwrap().iter();
        todos.map(|todo| todo["title"].as_str().unwrap().to_owned()).collect()
    }
}

async fn call(
    client: &RunningService<RoleClient, ()>,
    tool: &'static str,
    arguments: Value,
) -> CallToolResult {
    let Value::Object(arguments) = arguments else { unreachable!("arguments are an object") };
    let request = CallToolRequestParams::new(tool).with_arguments(arguments);
    client.call_tool(request).await.unwrap()
}

/// The same, with more beside the arguments.
async fn call_with(
    client: &RunningService<RoleClient, ()>,
    tool: &'static str,
    arguments: Value,
    meta: Value,
) -> CallToolResult {
    let Value::Object(arguments) = arguments else { unreachable!("arguments are an object") };
    let Value::Object(meta) = meta else { unreachable!("what is beside them, too") };
    let mut request = CallToolRequestParams::new(tool).with_arguments(arguments);
    request.meta = Some(MetaObject(meta).into());
    client.call_tool(request).await.unwrap()
}

/// The structured content, once it is seen to be the same as the text.
fn answer(result: CallToolResult) -> Result<Value, String> {
    let text = result.content[0].as_text().unwrap().text.clone();
    if result.is_error == Some(true) {
        return Err(text);
    }
    let structured = result.structured_content.unwrap();
    assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), structured);
    Ok(structured)
}

async fn connect<E: std::error::Error + Send + Sync + 'static, A>(
    transport: impl IntoTransport<RoleClient, E, A>,
    revision: ProtocolVersion,
) -> RunningService<RoleClient, ()> {
    let lifecycle = if revision.has_initialize() {
        ClientLifecycleMode::Initialize
    } else {
        ClientLifecycleMode::Discover { preferred_versions: vec![revision] }
    };
    ().serve_with_lifecycle(transport, lifecycle).await.unwrap()
}

fn settings(url: &str) -> Settings {
    let allowed_hosts = vec!["todo.example".to_owned()];
    Settings { database_url: url.to_owned(), allowed_hosts, tokens: None }
}

/// Sorted, for where the order does not matter.
fn sorted(mut titles: Vec<String>) -> Vec<String> {
    titles.sort();
    titles
}

fn title(title: &str) -> Value {
    json!({ "title": title })
}
