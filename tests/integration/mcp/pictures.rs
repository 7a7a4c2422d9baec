//! Images of tools: what of them reaches the model (ADR 48).

use orchestrator::domain::{AllowedDomains, ImageKind, Message};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::{call_by, http, in_time, settings, started, tool_call};
use crate::support::app::{Choices, TestApp};
use crate::support::doubles::{ScriptedModel, calls, says};
use crate::support::mcp_server::{Era, McpServer, picture};

/// A page that says that it is an image.
const HTML: &str = "PGh0bWw+PHNjcmlwdD4=";

async fn answer(era: Era, arguments: Value) -> (String, Vec<(ImageKind, usize)>) {
    let server = McpServer::start(era, &["read_pictures"]).await;
    let servers = started(settings(vec![http("one", &server)])).await;
    let call = tool_call("read_pictures", &arguments.to_string());
    let output =
        in_time(call_by(&*servers, &call, Instant::now() + super::PATIENCE)).await.unwrap();
    let images = output.images.iter().map(|image| (image.kind(), image.bytes())).collect();
    (output.text, images)
}

#[tokio::test]
async fn an_image_is_what_its_bytes_say_and_anything_else_is_left_out() {
    use ImageKind::{Gif, Jpeg, Png, Webp};
    let webp = "UklGRhIAAABXRUJQVlA4TAYAAAAvAAAAAAfQ//73v/+BiOh/AAA=";
    for (base64, kind, seen) in [
        (picture(400), "image/png", Some(Png)),
        (picture(400), "text/html", Some(Png)),
        ("/9j/4AAQSkZJRgABAQAAAQABAAD/2Q==".to_owned(), "image/png", Some(Jpeg)),
        ("R0lGODlhAQABAAAAACw=".to_owned(), "image/gif", Some(Gif)),
        (webp.to_owned(), "image/webp", Some(Webp)),
        (HTML.to_owned(), "image/png", None),
        ("PHN2Zy8+".to_owned(), "image/svg+xml", None),
        (String::new(), "image/png", None),
        (format!("{}\" onerror=\"", picture(400)), "image/png", None),
        (format!("{}=", picture(399)), "image/png", Some(Png)),
        (format!("{}====", picture(400)), "image/png", None),
    ] {
        for era in [Era::Sessions, Era::Stateless] {
            let asked = json!({ "base64": base64, "kind": kind, "count": 1 });
            let (text, images) = answer(era, asked).await;

            let kinds: Vec<_> = images.iter().map(|(kind, _)| *kind).collect();
            assert_eq!(kinds, seen.into_iter().collect::<Vec<_>>(), "{kind} {base64}");
            assert_eq!(text.contains("left out: no PNG"), seen.is_none(), "{text}");
        }
    }
}

#[tokio::test]
async fn an_image_in_a_resource_is_one_too() {
    let asked = json!({ "base64": picture(400), "uri": "file:///a.png", "count": 1 });

    let (text, images) = answer(Era::Stateless, asked).await;

    assert_eq!(images, [(ImageKind::Png, 300)]);
    assert_eq!(text, "[resource file:///a.png, 1 kB]");
}

#[tokio::test]
async fn of_ten_thousand_images_and_of_large_ones_few_are_taken() {
    let many = json!({ "base64": picture(40), "count": 10_000 });
    let (text, images) = answer(Era::Stateless, many).await;
    assert_eq!(images.len(), 4);
    assert!(text.ends_with("[9000 more parts are left out]") && text.len() < 50_000);

    let large = json!({ "base64": picture(3_000_000), "count": 2 });
    let (text, images) = answer(Era::Stateless, large).await;
    assert_eq!(images, [(ImageKind::Png, 2_250_000)], "both are 4.5 MB");
    assert_eq!(text, "[image, 2250 kB]\n[image, 2250 kB, left out: too much]");
}

#[tokio::test]
async fn a_model_sees_the_images_of_its_turn_after_their_results_and_later_reads_of_them() {
    let server = McpServer::start(Era::Stateless, &["read_pictures", "read_a"]).await;
    let servers = started(settings(vec![http("one", &server)])).await;
    let pictures = json!({ "base64": picture(400), "count": 3 });
    let script = [
        calls(&[("read_pictures", pictures.clone())]),
        calls(&[("read_a", json!({})), ("read_pictures", pictures)]),
        says("Nice."),
        says("Yes."),
    ];
    let model = ScriptedModel::new(script);
    let choices = Choices { model: model.clone(), tools: servers, ..Choices::default() };
    let app = TestApp::new(choices).await;

    let told = app.ask(&json!({ "message": "draw" })).await.json();
    app.ask(&json!({ "thread_id": told["thread_id"], "message": "nice?" })).await;

    let asked = model.asked();
    let places = |index: usize| {
        let asked = &asked[index];
        let is_result = |seen: &usize| matches!(asked.messages[*seen], Message::Tools { .. });
        let places: Vec<_> = asked.images.iter().map(|seen| seen.message).collect();
        assert!(places.iter().all(is_result), "{places:?}");
        places
    };
    assert_eq!(places(0), [] as [usize; 0]);
    assert_eq!(places(1), [2, 2, 2]);
    assert_eq!(places(2), [2, 4, 4, 4], "the newest four");
    assert_eq!(places(3), [] as [usize; 0], "another turn");
    assert!(json!(asked[3].messages).to_string().contains("[image, 1 kB]"));
}

/// The items of a turn in which the model calls this tool, as they were streamed and as they are listed.
async fn shown(tool: &'static str, arguments: Value, allowed: &[&str]) -> (Vec<Value>, Vec<Value>) {
    let server = McpServer::start(Era::Stateless, &[tool]).await;
    let tools = started(settings(vec![http("one", &server)])).await;
    let model = ScriptedModel::new([calls(&[(tool, arguments)]), says("Nice.")]);
    let allowed = allowed.iter().map(|&domain| domain.to_owned()).collect();
    let allowed_domains = AllowedDomains::new(allowed);
    let app = TestApp::new(Choices { model, tools, allowed_domains, ..Choices::default() }).await;
    let told = app.create("go").await;
    let params = json!({ "thread_id": told.thread_id(), "order": "asc" });
    let listed =
        app.post("/chatkit", &json!({ "type": "items.list", "params": params })).await.json();
    let done = told.events().into_iter().filter(|event| event["type"] == "thread.item.done");
    let listed = listed["data"].as_array().unwrap().clone();
    (done.map(|event| event["item"].clone()).collect(), listed)
}

#[tokio::test]
async fn a_person_sees_small_images_after_the_steps_and_reads_of_others() {
    let small = json!({ "base64": picture(400), "count": 6 });
    let (items, listed) = shown("read_pictures", small, &[]).await;

    let kinds: Vec<_> = items.iter().map(|item| item["type"].as_str().unwrap()).collect();
    let image = "generated_image";
    let expected = ["user_message", "workflow", image, image, image, image, "assistant_message"];
    assert_eq!(kinds, expected);
    assert_eq!(items, listed, "as they were streamed");
    let url = items[2]["image"]["url"].as_str().unwrap();
    assert_eq!(url, format!("data:image/png;base64,{}", picture(400)));
    assert_eq!(items[2]["image"]["id"], items[2]["id"]);
    let step = items[1]["workflow"]["tasks"][0].clone();
    assert_eq!(step["content"], "[image, 1 kB, not shown]\n\n[image, 1 kB, not shown]");
    assert_eq!(step["status_indicator"], "complete");

    let large = json!({ "base64": picture(400_000), "count": 1 });
    let (items, _) = shown("read_pictures", large, &[]).await;
    assert_eq!(items.len(), 3);
    assert_eq!(items[1]["workflow"]["tasks"][0]["content"], "[image/png, 300 kB, not shown]");
}

#[tokio::test]
async fn links_of_a_tool_lead_only_where_they_may_and_others_stay_text() {
    let links = json!({
        "good": "https://docs.example.org/a?b=c",
        "local": "file:///etc/passwd",
        "script": "javascript:alert(1)",
        "x](https://evil.example/) [y": "https://evil.example/(x",
        "![i](https://evil.example/i.png)": "https://evil.example/i.png",
    });
    let words = async |allowed: &[&str]| {
        let (items, _) = shown("read_links", links.clone(), allowed).await;
        items[1]["workflow"]["tasks"][0]["content"].as_str().unwrap().to_owned()
    };

    let (none, one) = (words(&[]).await, words(&["example.org"]).await);

    assert!(one.contains("[good](https://docs.example.org/a?b=c)"), "{one}");
    for words in [none, one.replace("[good](https://docs.example.org/a?b=c)", "")] {
        assert!(words.contains("file: ///etc/passwd") && words.contains("evil.example"), "{words}");
        assert!(words.ends_with("[audio/wav, 3 kB, not shown]"), "{words}");
        for acts in ["](", "://", "<"] {
            assert!(!words.contains(acts), "{acts} in {words}");
        }
    }
}
