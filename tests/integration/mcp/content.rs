//! Resources and prompts are listed, within limits, and cost nobody the tools (ADR 45).

use std::sync::Arc;

use orchestrator::domain::{ContentList, ServerContent};
use orchestrator::mcp::ContentChoice;
use rmcp::model::{Prompt, PromptArgument, Resource, ResourceTemplate};
use serde_json::json;

use super::*;
use crate::support::content::{Content, Way};
use crate::support::mcp_server::Era;

const ERAS: [Era; 3] = [Era::Sessions, Era::Pinned, Era::Stateless];

#[tokio::test]
async fn what_a_server_has_is_listed_with_its_tools_in_both_eras() {
    for era in ERAS {
        let server = McpServer::start_with(era, &["read_a"], Content::some()).await;

        let servers = started(settings(vec![http("one", &server)])).await;

        let [ServerContent { server: name, trust, is_connected, listed, .. }] =
            <[_; 1]>::try_from(servers.catalog().content.clone()).unwrap();
        assert_eq!((&*name, trust, is_connected), ("one", Trust::Trusted, true));
        assert_eq!(uris(&listed), ["note://first", "note://picture"], "{era:?}");
        assert_eq!(listed.resources[0].description, "The first note");
        assert_eq!(listed.templates[0].uri_template, "note://by-id/{id}");
        let prompt = listed.prompt("summarise").unwrap();
        let required: Vec<_> =
            prompt.arguments.iter().map(|it| (it.name.as_str(), it.is_required)).collect();
        assert_eq!(required, [("topic", true), ("length", false)]);
        assert_eq!((prompt.title.as_deref(), listed.left_out), (Some("Sum up"), 0));
    }
}

#[tokio::test]
async fn a_server_without_tools_has_its_resources_or_its_prompts() {
    for era in ERAS {
        let resources = vec![Resource::new("note://only", "Only")];
        let one = McpServer::start_with(era, &[], Content::of_resources(resources)).await;
        let prompts = vec![Prompt::new("only", None::<String>, None)];
        let two = McpServer::start_with(era, &[], Content::of_prompts(prompts)).await;

        let servers = started(settings(vec![http("one", &one), http("two", &two)])).await;

        let catalog = servers.catalog();
        assert_eq!(catalog.missing, [] as [Arc<str>; 0], "{era:?}");
        assert_eq!(uris(&catalog.content[0].listed), ["note://only"], "{era:?}");
        assert!(catalog.content[1].listed.prompt("only").is_some(), "{era:?}");
    }
}

#[tokio::test]
async fn a_change_is_read_without_a_new_connection() {
    for era in ERAS {
        let server = McpServer::start_with(era, &["read_a"], Content::some()).await;
        let servers = started(settings(vec![http("one", &server)])).await;

        let more = vec![Resource::new("note://new", "New")];
        server.set_content(Content { resources: more, ..Content::some() }).await;

        let has_new = |listed: &ContentList| uris(listed) == ["note://new"];
        in_time(servers.offers(|it| it.content.iter().any(|it| has_new(&it.listed)))).await;
        assert!(is_connected(&servers), "{era:?}");
    }
}

#[tokio::test]
async fn lists_that_fail_or_hang_cost_nobody_the_tools() {
    for way in [Way::Hangs, Way::Refuses] {
        let content = Content { way, ..Content::some() };
        let server = McpServer::start_with(Era::Stateless, &["read_a"], content).await;

        let servers = started(settings(vec![http("one", &server)])).await;

        assert_eq!(names(&servers), ["read_a"]);
        assert_eq!(servers.catalog().content, []);
        server.set_tools(&["read_b"]).await;
        until_offered(&servers, "read_b").await;
        assert_eq!(server.sessions(), 0, "and the connection is the same");
    }
}

#[tokio::test]
async fn what_was_known_stays_if_it_cannot_be_listed_again() {
    let server = McpServer::start_with(Era::Sessions, &["read_a"], Content::some()).await;
    let servers = started(settings(vec![http("one", &server)])).await;
    let before = servers.catalog().content.clone();

    server.set_content(Content { way: Way::Refuses, ..Content::some() }).await;
    for tool in ["read_b", "read_c"] {
        // The second is listed after the resources that came with the first.
        server.set_tools(&[tool]).await;
        until_offered(&servers, tool).await;
    }

    assert_eq!(servers.catalog().content, before);
}

#[tokio::test]
async fn ten_thousand_resources_are_a_thousand_and_a_circle_has_an_end() {
    // One name is long: all of them would take a busy machine longer than a list may take.
    let name = |number| if number == 0 { "n".repeat(500) } else { "n".to_owned() };
    let one = |number| Resource::new(format!("note://{number}"), name(number));
    let many: Vec<_> = (0..10_000).map(one).collect();
    let full = Content { page: 100, ..Content::of_resources(many.clone()) };
    let at_once = Content::of_resources(many);
    let circle =
        Content { page: 1, way: Way::Circles, ..Content::of_prompts(vec![Prompt::default()]) };
    for (content, entries) in [(full, 1_000), (at_once, 1_000), (circle, 0)] {
        let server = McpServer::start_with(Era::Stateless, &["read_a"], content).await;

        let servers = started(settings(vec![http("one", &server)])).await;

        let catalog = servers.catalog();
        let listed = catalog.content.first().map(|it| Arc::clone(&it.listed)).unwrap_or_default();
        assert_eq!(listed.resources.len(), entries);
        assert!(entries == 0 || listed.left_out > 0);
        if entries > 0 {
            let last = json!({ "server": "one", "page": 20 }).to_string();
            let last = call(&servers, "read_resource", &last).await.unwrap();
            assert!(
                last.contains(r#""more":false"#) && last.contains(r#""not_listed":""#),
                "{last}"
            );
        }
        let longest = listed.resources.iter().map(|it| it.name.chars().count()).max();
        assert!(longest.is_none_or(|longest| longest < 150), "{longest:?}");
    }
}

#[tokio::test]
async fn names_and_addresses_that_cannot_be_shown_are_left_out() {
    let (long, odd) = ("x".repeat(3_000), "note://a\u{202e}b");
    let resources =
        [&long, odd, "note://a b", "", "note://line\nend", "note://fine", "note://fine"];
    let resources = resources.map(|uri| Resource::new(uri, "\u{200b}Na\nme")).to_vec();
    let prompt = |name: &str| Prompt::new(name, Some("Do\u{e0041} it\nnow"), None);
    let many = (0..40).map(|it| PromptArgument::new(format!("a{it}"))).collect();
    let prompts = ["ask_user", "", "two\nlines", "hid\u{200b}den", &long].map(prompt);
    let prompts =
        [prompts.to_vec(), vec![Prompt::new("wide", None::<String>, Some(many))]].concat();
    let templates = vec![ResourceTemplate::new("note://{\u{202e}id}", "Odd")];
    let content = Content { resources, templates, prompts, ..Content::default() };
    let server = McpServer::start_with(Era::Stateless, &["read_a"], content).await;

    let servers = started(settings(vec![http("one", &server)])).await;

    let listed = Arc::clone(&servers.catalog().content[0].listed);
    assert_eq!(uris(&listed), ["note://fine"]);
    assert_eq!(listed.resources[0].name, "Na me");
    let prompts: Vec<_> =
        listed.prompts.iter().map(|it| (it.name.as_str(), it.description.as_str())).collect();
    assert_eq!(prompts, [("ask_user", "Do it now")]);
    assert_eq!((listed.templates.len(), listed.left_out), (0, 6 + 1 + 5));
}

#[tokio::test]
async fn the_operator_keeps_out_resources_prompts_or_both() {
    let choice = |resources, prompts| ContentChoice { resources, prompts };
    for (choice, has) in [
        (choice(true, false), [true, false]),
        (choice(false, true), [false, true]),
        (choice(false, false), [false, false]),
    ] {
        let server = McpServer::start_with(Era::Stateless, &["read_a"], Content::some()).await;
        let kept_out = ServerSettings { content: choice, ..http("one", &server) };

        let servers = started(settings(vec![kept_out])).await;

        let content = servers.catalog().content.clone();
        let listed = content.first().map(|it| Arc::clone(&it.listed)).unwrap_or_default();
        assert_eq!([listed.has_resources(), !listed.prompts.is_empty()], has);
    }
}

#[tokio::test]
async fn what_a_lost_server_had_is_told_as_lost() {
    let server = McpServer::start_with(Era::Stateless, &["read_a"], Content::some()).await;
    let servers = started(settings(vec![http("one", &server)])).await;

    server.stop().await;
    until_missing(&servers).await;

    let content = servers.catalog().content.clone();
    assert_eq!(content.iter().map(|it| it.is_connected).collect::<Vec<_>>(), [false]);
}

fn uris(listed: &ContentList) -> Vec<&str> {
    listed.resources.iter().map(|it| it.uri.as_str()).collect()
}
