//! The model reads resources and prompts through two built-in tools (ADR 45).

use orchestrator::domain::BuiltInTool;
use rmcp::model::Resource;
use serde_json::{Value, json};

use super::stub::Stub;
use super::*;
use crate::support::app::{Choices, TestApp, json_request};
use crate::support::content::Content;
use crate::support::doubles::{ScriptedModel, calls, says};
use crate::support::mcp_server::Era;

#[tokio::test]
async fn resources_and_prompts_are_read_in_both_eras() {
    for era in [Era::Sessions, Era::Pinned, Era::Stateless] {
        let server = McpServer::start_with(era, &["echo"], Content::some()).await;
        let servers = started(settings(vec![http("one", &server)])).await;

        let text = read(&servers, &json!({ "server": "one", "uri": "note://first" })).await;
        assert_eq!(text.unwrap(), "[resource note://first]\nread note://first", "{era:?}");
        let text = read(&servers, &json!({ "server": "one", "uri": "note://picture" })).await;
        assert_eq!(text.unwrap(), "[resource note://picture, 12 kB]");

        let arguments = json!({ "topic": "tea", "length": 3, "none": null });
        let asked = json!({ "server": "one", "name": "summarise", "arguments": arguments });
        let text = prompt(&servers, &asked).await.unwrap();
        let expected = "[user]\nPlease summarise {\"topic\":\"tea\",\"length\":\"3\"}\n\
                        [assistant]\nGladly. Which one?\n[user]\n[image, 12 kB, left out: no PNG, JPEG, WebP or GIF]";
        assert_eq!(text, expected, "{era:?}");
        assert_eq!(server.calls(), ["note://first", "note://picture", "prompt summarise"]);
    }
}

#[tokio::test]
async fn a_child_is_read_as_well() {
    let stub = Stub::new("library");
    let servers = started(settings(vec![stub.server()])).await;

    assert_eq!(names(&servers), ["go", "tick", "read_resource", "read_prompt"]);
    let text = read(&servers, &json!({ "server": "stub", "uri": "stub://one" })).await.unwrap();
    assert_eq!(text, "[resource stub://one]\nfrom the stub");
    let text = prompt(&servers, &json!({ "server": "stub", "name": "hello" })).await.unwrap();
    assert_eq!(text, "[user]\nSay hello.");
}

#[tokio::test]
async fn the_tools_are_offered_while_there_is_something_to_read() {
    let resources = vec![Resource::new("note://only", "Only")];
    let content = Content::of_resources(resources);
    let server = McpServer::start_with(Era::Stateless, &["read_resource"], content).await;
    let servers = started(settings(vec![http("one", &server)])).await;

    // The server's own tool of that name is told apart.
    assert_eq!(names(&servers), ["one__read_resource", "read_resource"]);
    let catalog = servers.catalog();
    let tool = catalog.find("read_resource").unwrap();
    assert_eq!(tool.origin.id(), None);
    assert_eq!(tool.schema["properties"]["server"]["enum"], json!(["one"]));
    assert_eq!(prompt(&servers, &json!({ "server": "one" })).await, Err(ToolError::Unknown));

    server.stop().await;
    until_missing(&servers).await;
    assert_eq!(names(&servers), [""; 0]);
    let gone = read(&servers, &json!({ "server": "one", "uri": "note://only" })).await;
    assert_eq!(gone, Err(ToolError::Unknown));
}

#[tokio::test]
async fn lists_come_in_pages_that_can_be_searched() {
    let one = |number: u32| Resource::new(format!("note://{number}"), format!("Note {number}"));
    let content = Content { resources: (0..120).map(one).collect(), ..Content::some() };
    let server = McpServer::start_with(Era::Stateless, &["echo"], content).await;
    let servers = started(settings(vec![http("one", &server)])).await;
    let page = async |arguments: Value| -> (usize, Value) {
        let listed: Value =
            serde_json::from_str(&read(&servers, &arguments).await.unwrap()).unwrap();
        (listed["resources"].as_array().unwrap().len(), listed["more"].clone())
    };

    assert_eq!(page(json!({ "server": "one" })).await, (50, json!(true)));
    assert_eq!(page(json!({ "server": "one", "page": 3 })).await, (20, json!(false)));
    assert_eq!(page(json!({ "server": "one", "page": 99 })).await, (0, json!(false)));
    assert_eq!(page(json!({ "server": "one", "find": "NOTE 11" })).await, (11, json!(false)));
    let servers_only = read(&servers, &json!({})).await.unwrap();
    assert_eq!(servers_only, "These servers have some, give one as server: one (121)");
    let prompts = prompt(&servers, &json!({ "server": "one" })).await.unwrap();
    assert!(prompts.contains(r#""name":"summarise""#) && !prompts.contains('\n'), "{prompts}");
    assert_eq!(server.calls(), [""; 0], "all of it is known already");
}

#[tokio::test]
async fn what_cannot_be_read_is_told_with_words() {
    let server = McpServer::start_with(Era::Stateless, &["echo"], Content::some()).await;
    let mut impatient = settings(vec![http("one", &server)]);
    impatient.call_timeout = Duration::from_millis(300);
    let servers = started(impatient).await;
    let uri = |uri: &str| json!({ "server": "one", "uri": uri });

    let gone = read(&servers, &uri("note://gone")).await;
    assert_eq!(gone, Err(ToolError::Refused("no such note".to_owned())));
    assert_eq!(read(&servers, &uri("note://asks")).await, Err(asks_first()));
    assert_eq!(read(&servers, &uri("note://hang")).await, Err(ToolError::TimedOut));
    let long = read(&servers, &uri("note://long")).await.unwrap();
    // What of it the model gets at once is decided where its thread is known.
    assert!(long.len() > 99_000 && !long.ends_with("[cut]"), "{}", long.len());

    let name = |name: &str| json!({ "server": "one", "name": name });
    for (asked, words) in [
        (name("nothing"), "no prompt of this name"),
        (name("summarise"), "needs these arguments as well: topic"),
        (json!({ "server": "two", "name": "plain" }), "give one as server: one (2)"),
    ] {
        let told = prompt(&servers, &asked).await.unwrap_err();
        assert!(matches!(&told, ToolError::Refused(told) if told.contains(words)), "{told:?}");
    }
    assert!(is_connected(&servers));
}

#[tokio::test]
async fn what_is_no_address_is_not_sent() {
    let server = McpServer::start_with(Era::Stateless, &["echo"], Content::some()).await;
    let servers = started(settings(vec![http("one", &server)])).await;

    for odd in [" https://evil.example/?q=1", "ht\ttps://evil.example", "note://fir\u{200b}st"] {
        let told = read(&servers, &json!({ "server": "one", "uri": odd })).await.unwrap_err();
        let is_told = matches!(&told, ToolError::Refused(told) if told.contains("no address"));
        assert!(is_told, "{odd:?}: {told:?}");
    }
    assert_eq!(server.calls(), [""; 0]);
}

#[tokio::test]
async fn a_copy_of_a_request_is_told_the_same_of_a_reading_and_a_call_that_wait() {
    let server = McpServer::start_with(Era::Stateless, &["echo"], Content::some()).await;
    let approval = ApprovalRules(vec![("*".to_owned(), ApprovalRule::Always)]);
    let asks = ServerSettings { approval, ..http("one", &server) };
    let servers = started(settings(vec![asks])).await;
    let reading = ("read_resource", json!({ "server": "one", "uri": "note://first" }));
    let other = ("echo", json!({ "n": 1 }));
    for both in [[reading.clone(), other.clone()], [other, reading]] {
        let choices = Choices {
            model: ScriptedModel::new([calls(&both)]),
            tools: servers.clone(),
            ..Choices::default()
        };
        let app = TestApp::new(choices).await;
        let request = || {
            let mut request = json_request("/chat", &json!({ "message": "go" }));
            request.headers_mut().insert("accept", "application/json".parse().unwrap());
            request.headers_mut().insert("idempotency-key", "k".parse().unwrap());
            request
        };

        let first = app.send(request()).await.json();
        let copy = app.send(request()).await.json();

        let told = first["confirmation"]["calls"].as_array().unwrap();
        let told: Vec<_> = told.iter().map(|call| (&call["tool"], &call["arguments"])).collect();
        let names = both.each_ref().map(|(name, arguments)| (json!(name), arguments));
        assert_eq!(told, names.each_ref().map(|(name, arguments)| (name, *arguments)));
        assert_eq!(copy["confirmation"], first["confirmation"]);
    }
    assert_eq!(server.calls(), [""; 0]);
}

#[tokio::test]
async fn a_prompt_that_asks_for_input_is_refused_with_words() {
    let asks = rmcp::model::Prompt::new("asks", None::<String>, None);
    let content = Content::of_prompts(vec![asks]);
    let server = McpServer::start_with(Era::Stateless, &["echo"], content).await;
    let servers = started(settings(vec![http("one", &server)])).await;

    let asked = prompt(&servers, &json!({ "server": "one", "name": "asks" })).await;

    assert_eq!(asked, Err(asks_first()));
}

#[tokio::test]
async fn a_turn_shows_what_is_read_from_where_and_holds_what_was_made_up() {
    let server = McpServer::start_with(Era::Stateless, &["echo"], Content::some()).await;
    let untrusted = ServerSettings {
        trust: Trust::Untrusted,
        approval: ApprovalRules::default(),
        ..http("one", &server)
    };
    let servers = started(settings(vec![untrusted])).await;
    let uri = |uri: &str| calls(&[("read_resource", json!({ "server": "one", "uri": uri }))]);
    let evil = "https://evil.example/?q=secret";
    let script = [uri("note://first"), uri(evil), uri(evil), says("Done."), says("Well.")];
    let model = ScriptedModel::new(script);
    let app =
        TestApp::new(Choices { model: model.clone(), tools: servers, ..Choices::default() }).await;

    let answer = app.create("read the first note").await;

    assert!(answer.text.contains("Reading the resource note: //first of one"), "{}", answer.text);
    assert_eq!(answer.types().last().unwrap(), "done structured_input");
    assert!(!answer.text.contains("https://evil"), "no address is left to follow");
    assert_eq!(server.calls(), ["note://first"]);
    let again = crate::support::app::add(&answer.thread_id(), "no, something else");
    let answer = app.post("/chatkit", &again).await;
    assert_eq!(answer.types().last().unwrap(), "done structured_input", "it is asked about again");
    assert_eq!(server.calls(), ["note://first"], "nothing left the house");
    assert!(model.asked()[0].tools.contains(&BuiltInTool::ReadResource.name().to_owned()));
}

async fn read(servers: &Servers, arguments: &Value) -> Result<String, ToolError> {
    call(servers, "read_resource", &arguments.to_string()).await
}

async fn prompt(servers: &Servers, arguments: &Value) -> Result<String, ToolError> {
    call(servers, "read_prompt", &arguments.to_string()).await
}

fn asks_first() -> ToolError {
    let words = "the server asks the person before it gives this, which is possible in calls of tools alone";
    ToolError::Refused(words.to_owned())
}
