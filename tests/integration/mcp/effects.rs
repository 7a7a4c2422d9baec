//! What the journal makes of what became of a call: nothing unknown is done again by itself.

use serde_json::{Value, json};

use super::*;
use crate::support::app::{Choices, TestApp};
use crate::support::doubles::{ScriptedModel, calls, says};
use crate::support::mcp_server::Era;

#[tokio::test]
async fn a_change_that_ended_in_an_internal_error_is_not_made_again_by_a_retry() {
    let server = McpServer::start(Era::Stateless, &["write_broken"]).await;
    let app = house(&server, "write_broken").await;

    let told = app.create("write it").await.events();
    app.post("/chatkit", &retry(&told[1]["item"])).await;

    assert_eq!(server.calls(), ["write_broken"]);
}

#[tokio::test]
async fn a_change_that_the_tool_refused_is_made_again_by_a_retry() {
    let server = McpServer::start(Era::Stateless, &["refuse"]).await;
    let app = house(&server, "refuse").await;

    let told = app.create("write it").await.events();
    app.post("/chatkit", &retry(&told[1]["item"])).await;

    assert_eq!(server.calls(), ["refuse", "refuse"]);
}

/// A house whose model calls the tool once and then says that it did not work.
async fn house(server: &McpServer, tool: &str) -> TestApp {
    let tools = started(settings(vec![http("one", server)])).await;
    until_offered(&tools, tool).await;
    let model = ScriptedModel::new([
        calls(&[(tool, json!({ "title": "milk" }))]),
        says("That did not work."),
        says("I looked: it is there."),
    ]);
    TestApp::new(Choices { model, tools, ..Choices::default() }).await
}

fn retry(item: &Value) -> Value {
    let params = json!({ "thread_id": item["thread_id"], "item_id": item["id"] });
    json!({ "type": "threads.retry_after_item", "params": params })
}
