//! Tools of several servers side by side.

use orchestrator::domain::Effect;

use super::*;
use crate::support::mcp_server::Era;

#[tokio::test]
async fn names_that_clash_carry_their_server_and_calls_find_it() {
    let first = McpServer::start(Era::Stateless, &["echo", "read_a"]).await;
    let second = McpServer::start(Era::Sessions, &["echo", "read_b"]).await;

    let servers = started(settings(vec![http("one", &first), http("two", &second)])).await;

    until_offered(&servers, "two__echo").await;
    until_offered(&servers, "one__echo").await;
    assert_eq!(names(&servers), ["one__echo", "read_a", "two__echo", "read_b"]);
    assert!(call(&servers, "two__echo", "{}").await.is_ok());
    assert_eq!((first.calls().len(), second.calls()), (0, vec!["echo".to_owned()]));
    assert_eq!(call(&servers, "echo", "{}").await, Err(ToolError::Unknown));
}

#[tokio::test]
async fn a_server_that_is_missing_takes_nothing_from_the_others() {
    let first = McpServer::start(Era::Stateless, &["echo"]).await;
    let second = McpServer::start(Era::Stateless, &["other"]).await;
    let gone = http("two", &second);
    second.stop().await;

    let servers = started(settings(vec![http("one", &first), gone])).await;

    assert_eq!(names(&servers), ["echo"]);
    assert_eq!(*servers.catalog().missing, ["two".into()]);
    assert!(call(&servers, "echo", "{}").await.is_ok());
}

#[tokio::test]
async fn a_catalog_has_room_for_128_tools() {
    let many: Vec<&str> = (0..140).map(|n| &*format!("tool_{n}").leak()).collect();
    let server = McpServer::start(Era::Stateless, &many).await;

    let servers = started(settings(vec![http("one", &server)])).await;

    assert_eq!(servers.catalog().tools.len(), 128);
    assert_eq!(call(&servers, "tool_139", "{}").await, Err(ToolError::Unknown));
}

#[tokio::test]
async fn hints_and_names_are_read_with_care_and_descriptions_cut() {
    let server = McpServer::start(Era::Stateless, &["read_it", "odd name/1"]).await;

    let servers = started(settings(vec![http("one", &server)])).await;

    let catalog = servers.catalog();
    assert_eq!(catalog.find("read_it").unwrap().effect, Effect::ReadOnly);
    let odd = catalog.find("odd_name_1").unwrap();
    assert_eq!(odd.effect, Effect::Changes);
    assert_eq!(odd.description.len(), 1_024 + "… [cut]".len());
    assert!(call(&servers, "odd_name_1", "{}").await.is_ok());
    assert_eq!(server.calls(), ["odd name/1"]);
}

#[tokio::test]
async fn tools_that_look_the_same_once_their_names_are_plain_are_all_offered() {
    let server = McpServer::start(Era::Stateless, &["a.b", "a/b", "a_b"]).await;

    let servers = started(settings(vec![http("one", &server)])).await;

    assert_eq!(names(&servers), ["a_b", "a_b_2", "a_b_3"]);
    assert!(call(&servers, "a_b_2", "{}").await.is_ok());
    assert_eq!(server.calls(), ["a/b"]);
}
