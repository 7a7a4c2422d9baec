//! What `specs/contracts/mcp-tools.md` promises, against the tools that are listed.

use rmcp::ServiceExt;
use rmcp::model::Tool;
use serde_json::{Value, json};
use todo::{Settings, TodoServer};

#[tokio::test]
async fn the_tools_and_their_schemas_are_those_agreed() {
    let tools = tools().await;

    insta::assert_json_snapshot!(tools);
}

#[tokio::test]
async fn schemas_are_plain_enough_for_every_provider() {
    for tool in tools().await {
        let (input, output) = (tool.input_schema, tool.output_schema.unwrap());
        for text in [serde_json::to_string(&*input), serde_json::to_string(&*output)] {
            let text = text.unwrap();
            for word in ["$ref", "$defs", "anyOf", "oneOf", "\"default\"", "\"format\""] {
                assert!(!text.contains(word), "{}: {word} in {text}", tool.name);
            }
        }
        let properties = input.get("properties").and_then(Value::as_object).unwrap();
        for (name, property) in properties {
            assert!(property.get("description").is_some(), "{}: {name}", tool.name);
        }
    }
}

#[tokio::test]
async fn tools_that_change_something_say_that_they_honour_keys() {
    for tool in tools().await {
        let reads = tool.annotations.and_then(|hints| hints.read_only_hint) == Some(true);
        let marked = tool.meta.map(|meta| meta.0["orchestrator/idempotency"].clone());

        let expected = (!reads).then(|| json!({ "keep_hours": 24 }));
        assert_eq!(marked, expected, "{}", tool.name);
    }
}

#[tokio::test]
async fn the_document_names_every_tool_and_every_argument() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/specs/contracts/mcp-tools.md");
    let document = std::fs::read_to_string(path).unwrap();

    for tool in tools().await {
        let section = document.split("\n## ").find(|part| part.starts_with(&*tool.name));
        let section = section.unwrap_or_else(|| panic!("no section for {}", tool.name));
        let properties = tool.input_schema.get("properties").and_then(Value::as_object).unwrap();
        for name in properties.keys() {
            assert!(section.contains(&format!("`{name}`")), "{}: {name}", tool.name);
        }
    }
}

/// In the order of their names.
async fn tools() -> Vec<Tool> {
    let settings =
        Settings { database_url: "memory".to_owned(), allowed_hosts: Vec::new(), tokens: None };
    let server = TodoServer::open(&settings).await.unwrap();
    let (here, there) = tokio::io::duplex(64 * 1024);
    drop(tokio::spawn(async move { server.serve(there).await.unwrap().waiting().await }));
    let client = ().serve(here).await.unwrap();
    let mut tools = client.list_all_tools().await.unwrap();
    tools.sort_by(|one, other| one.name.cmp(&other.name));
    tools
}
