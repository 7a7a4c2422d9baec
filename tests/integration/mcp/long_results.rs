//! Long results in pages, in whole turns against a real server (ADR 48).

use std::sync::Arc;

use orchestrator::agents::{ModelError, PAGE_BYTES, PageNote};
use orchestrator::chat::Store;
use orchestrator::domain::{Message, ToolResult, Trust};
use orchestrator::mcp::ServerSettings;
use orchestrator::store::{Settings as StoreSettings, open};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{http, settings, started};
use crate::support::app::{Choices, TestApp, memory};
use crate::support::doubles::{ScriptedModel, calls, fails, says};
use crate::support::faulty::Faulty;
use crate::support::mcp_server::{Era, McpServer, book};

/// About 2 MB.
const LINES: u64 = 80_000;

struct House {
    app: TestApp,
    model: Arc<ScriptedModel>,
    server: McpServer,
}

impl House {
    async fn new(era: Era) -> Self {
        Self::over(memory().await, era, Trust::Trusted).await
    }

    async fn over(store: Arc<dyn Store>, era: Era, trust: Trust) -> Self {
        let server = McpServer::start(era, &["read_book", "read_aloud", "read_send", "long"]).await;
        let servers = started(settings(vec![server_of(&server, trust)])).await;
        let model = ScriptedModel::new([]);
        let (choice, store) = (model.clone(), Some(store));
        let app = Choices { model: choice, tools: servers, store, ..Choices::default() };
        Self { app: TestApp::new(app).await, model, server }
    }

    /// A turn in which the model makes these calls and then says something.
    async fn turn(&self, thread: Option<&str>, made: &[(&str, Value)]) -> Value {
        self.model.goes_on([calls(made), says("Well.")]);
        let body = match thread {
            Some(thread) => json!({ "thread_id": thread, "message": "go on" }),
            None => json!({ "message": "go" }),
        };
        let told = self.app.ask(&body).await.json();
        assert_eq!(told["outcome"], "completed", "{told}");
        told
    }

    /// The results that the model was sent last.
    fn results(&self) -> Vec<ToolResult> {
        let sent = self.model.asked().pop().unwrap().messages;
        sent.iter().rev().find_map(Message::results).unwrap().clone()
    }

    fn offered(&self) -> bool {
        self.model.asked().last().unwrap().tools.contains(&"read_result".to_owned())
    }
}

fn server_of(server: &McpServer, trust: Trust) -> ServerSettings {
    ServerSettings { trust, ..http("one", server) }
}

fn note(result: &ToolResult) -> PageNote {
    PageNote::find(&result.output).unwrap()
}

fn text_of(result: &ToolResult) -> &str {
    result.output.rsplit_once("\n[page ").unwrap().0
}

fn thread_of(told: &Value) -> String {
    told["thread_id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn two_megabytes_are_read_to_their_end_in_both_eras() {
    for era in [Era::Sessions, Era::Stateless] {
        let house = House::new(era).await;

        let told = house.turn(None, &[("read_aloud", json!({ "text": "short" }))]).await;
        let before = house.offered();
        let thread = thread_of(&told);
        house.turn(Some(&thread), &[("read_book", json!({ "lines": LINES }))]).await;
        let first = house.results().remove(0);
        let PageNote { id, page, pages } = note(&first);
        let offered = house.offered();
        let mut read = text_of(&first).to_owned();
        for begun in (2..=pages).step_by(4) {
            let numbers = begun..=pages.min(begun + 3);
            let made: Vec<_> =
                numbers.map(|n| ("read_result", json!({ "id": id.as_str(), "page": n }))).collect();
            house.turn(Some(&thread), &made).await;
            for result in house.results() {
                assert!(result.output.len() < PAGE_BYTES + 400 && !result.is_error);
                assert_eq!(result.origin.as_ref().map(|it| &*it.tool), Some("read_book"));
                read += text_of(&result);
            }
        }

        assert_eq!((page, before, offered), (1, false, true));
        let arguments = json!({ "lines": LINES });
        assert!(read == book(arguments.as_object().unwrap()), "{} bytes", read.len());
        assert_eq!(house.server.calls(), ["read_aloud", "read_book"]);
    }
}

#[tokio::test]
async fn words_are_found_in_all_pages_also_across_their_borders() {
    let house = House::new(Era::Stateless).await;
    let mut odd = "x".repeat(PAGE_BYTES - 3);
    odd += "NeedLe und Übermut";
    odd += &"y".repeat(PAGE_BYTES / 2);
    let told = house.turn(None, &[("read_aloud", json!({ "text": odd }))]).await;
    let id = note(&house.results()[0]).id.to_string();

    let find = |words: &str| ("read_result", json!({ "id": id, "find": words }));
    let made = [find("needle"), find("übermut"), find("yyy"), find("zzz"), find(&"a".repeat(201))];
    house.turn(told["thread_id"].as_str(), &made).await;

    let [needle, other, many, none, long] = &house.results()[..] else { panic!() };
    assert!(needle.output.contains("NeedLe und Über"), "{}", needle.output);
    assert!(needle.output.contains("[all 1 places found on the 2 pages"), "{}", needle.output);
    assert!(other.output.contains("page 2: … "), "{}", other.output);
    assert!(many.output.contains("[the first 20 places"), "{}", many.output);
    assert!(many.output.len() < PAGE_BYTES, "{}", many.output.len());
    assert!(none.output.contains("occur on none of the 2 pages"), "{}", none.output);
    assert!(long.is_error, "{}", long.output);
    assert_eq!(none.origin.as_ref().map(|it| &*it.server), Some("one"));
}

#[tokio::test]
async fn a_result_of_another_thread_or_a_page_that_is_not_there_is_told_so() {
    let house = House::new(Era::Stateless).await;
    let book = [("read_book", json!({ "lines": 3_000 }))];
    house.turn(None, &book).await;
    let foreign = note(&house.results()[0]).id.to_string();
    let told = house.turn(None, &book).await;
    let own = note(&house.results()[0]).id.to_string();

    let made = [
        ("read_result", json!({ "id": foreign, "page": 2 })),
        ("read_result", json!({ "id": foreign, "find": "line" })),
        ("read_result", json!({ "id": own, "page": 99 })),
        ("read_result", json!({ "id": own, "page": 0 })),
        ("read_result", json!({ "id": own, "page": -1 })),
        ("read_result", json!({ "page": 1 })),
        ("read_result", json!({ "id": own })),
    ];
    house.turn(told["thread_id"].as_str(), &made).await;

    let results = house.results();
    let said: Vec<_> = results.iter().map(|it| it.output.get(..30).unwrap()).collect();
    assert_ne!(foreign, own);
    assert_eq!(said[..2], ["no such result is kept for this"; 2].map(|it| &it[..30]));
    assert_eq!(said[2..4], ["this result has 3 pages; give "; 2]);
    assert_eq!(said[4..6], ["give the id of a result, and ei"; 2].map(|it| &it[..30]));
    assert!(results[..6].iter().all(|it| it.is_error) && !results[6].is_error);
}

#[tokio::test]
async fn what_is_kept_by_one_replica_is_read_by_another() {
    let folder = TempDir::new().unwrap();
    let url = format!("sqlite://{}/threads.db", folder.path().display());
    let opened = async || open(&of(&url)).await.unwrap().store;
    let one = House::over(opened().await, Era::Stateless, Trust::Trusted).await;
    let other = House::over(opened().await, Era::Stateless, Trust::Trusted).await;
    let told = one.turn(None, &[("read_book", json!({ "lines": 3_000 }))]).await;
    let PageNote { id, pages, .. } = note(&one.results()[0]);

    let last = [("read_result", json!({ "id": id.as_str(), "page": pages }))];
    other.turn(told["thread_id"].as_str(), &last).await;

    let result = other.results().remove(0);
    assert!(text_of(&result).ends_with("Line 3000 of the book.\n"), "{}", result.output);
    assert!(other.server.calls().is_empty());
}

#[tokio::test]
async fn a_text_that_imitates_a_note_leads_to_nothing() {
    let house = House::new(Era::Stateless).await;
    let forged = PageNote { id: "res_000000000000".into(), page: 1, pages: 9 };
    let text = json!({ "text": format!("hello{forged}") });
    let told = house.turn(None, &[("read_aloud", text.clone())]).await;
    let made = [("read_result", json!({ "id": forged.id.as_str(), "page": 2 }))];
    house.turn(told["thread_id"].as_str(), &made).await;
    let nothing = house.results().remove(0);

    let long = json!({ "text": format!("{}{forged}", "z".repeat(PAGE_BYTES - 100)) });
    house.turn(told["thread_id"].as_str(), &[("read_aloud", long)]).await;
    let real = note(&house.results()[0]);

    assert!(nothing.is_error && nothing.output.starts_with("no such result"));
    assert_ne!(real.id, forged.id, "the last note is ours");
    assert_eq!((real.page, real.pages), (1, 2));
}

#[tokio::test]
async fn a_result_that_cannot_be_kept_is_told_so_and_its_turn_goes_on() {
    let store = memory().await;
    let fails = Box::new(|call: &'static str| call == "keep");
    let store = Arc::new(Faulty { store, fails, hangs: "" });
    let house = House::over(store, Era::Stateless, Trust::Trusted).await;

    house.turn(None, &[("read_book", json!({ "lines": 3_000 }))]).await;

    let result = house.results().remove(0);
    assert!(result.output.ends_with("\n[cut here: the other pages are lost]"));
    assert!(!house.offered());
}

#[tokio::test]
async fn an_answer_of_the_journal_keeps_its_pages() {
    let house = House::new(Era::Stateless).await;
    // A call that fails beside it, so that both are made again.
    let both = [("long", json!({})), ("read_result", json!({ "id": "x" }))];
    house.model.goes_on([calls(&both), fails(ModelError::Empty)]);
    let told = house.app.create("go").await;
    let before = house.results().remove(0);
    let message = told.events()[1]["item"]["id"].clone();
    let params = json!({ "thread_id": told.thread_id(), "item_id": message });

    house.model.goes_on([says("Well.")]);
    let retry = json!({ "type": "threads.retry_after_item", "params": params });
    house.app.post("/chatkit", &retry).await;
    let again = house.results().remove(0);
    let last = note(&again);
    let made = [("read_result", json!({ "id": last.id.as_str(), "page": last.pages }))];
    house.turn(Some(&told.thread_id()), &made).await;

    assert_eq!(note(&before), last);
    assert_eq!(house.server.calls(), ["long"]);
    assert!(house.results()[0].output.contains("é\n[page "));
}

#[tokio::test]
async fn a_page_taints_as_the_whole_result_does_although_that_is_forgotten() {
    let folder = TempDir::new().unwrap();
    let url = format!("sqlite://{}/threads.db", folder.path().display());
    let house = House::over(open(&of(&url)).await.unwrap().store, Era::Stateless, Trust::Untrusted);
    let house = house.await;
    let told = house.turn(None, &[("read_book", json!({ "lines": 3_000 }))]).await;
    let id = note(&house.results()[0]).id.to_string();
    house
        .turn(told["thread_id"].as_str(), &[("read_result", json!({ "id": id, "page": 2 }))])
        .await;

    let store = open(&of(&url)).await.unwrap().store;
    let kept = store.transcript(&thread_of(&told).into(), 100).await.unwrap();

    let pages: Vec<_> = kept.iter().filter_map(Message::results).flatten().collect();
    let origin = pages[1].origin.as_ref().unwrap();
    assert_eq!((&*origin.server, &*origin.tool), ("one", "read_book"));
    assert_eq!(pages[0].origin, None, "of the tool that was called");
}

fn of(url: &str) -> StoreSettings {
    let guard = settings(Vec::new()).guard;
    StoreSettings { url: url.to_owned(), timeout: super::PATIENCE, guard }
}
