//! The log: one JSON object a line, one id for everything a request causes, no one's words.

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::process::{Running, client, get};

#[tokio::test]
async fn every_line_of_a_request_carries_its_id_and_no_line_anyones_words() {
    let data = TempDir::new().unwrap();
    let env = [("LOG_LEVEL", "trace")];
    let server = Running::start(&data, &env);
    server.ready().await;

    let body = json!({ "message": "add geheimnis for tomorrow" }).to_string();
    let request = client().post(format!("{}/chat", server.url)).body(body);
    let request = request.header("content-type", "application/json");
    let answer = request.header("x-request-id", "req-42").send().await.unwrap();
    assert!(answer.text().await.unwrap().to_lowercase().contains("geheimnis"));
    let (_, lines) = server.stop();

    let lines: Vec<Value> = lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    let text = json!(lines).to_string().to_lowercase();
    assert!(!text.contains("geheimnis"), "{text}");
    let ours: Vec<_> = lines.iter().filter(|line| line["request_id"] == "req-42").collect();
    let with = |field: &str| ours.iter().any(|line| line.get(field).is_some());
    assert!(with("tool.name") && with("gen_ai.request.model") && with("thread_id"), "{ours:#?}");
    let closing: Vec<_> = ours.iter().filter(|line| line["message"] == "Turn ended").collect();
    assert_eq!(closing.len(), 1);
    for field in ["outcome", "steps", "input_tokens", "cached_tokens", "cost_usd", "duration_ms"] {
        assert!(closing[0].get(field).is_some(), "{field}");
    }
    assert!(with("gen_ai.usage.input_tokens") && with("gen_ai.usage.cost_usd"), "{ours:#?}");
}

#[tokio::test]
async fn a_refusal_is_told_with_its_code_and_the_place_at_fault_alone() {
    let data = TempDir::new().unwrap();
    let server = Running::start(&data, &[("LOG_LEVEL", "trace")]);
    let list = json!({ "type": "threads.list", "params": { "order": "geheim" } });
    let table = [
        (json!({ "message": 5 }), "wrong_form", "/message wrong_kind"),
        (
            json!({ "message": "", "time_zone": "geheim" }),
            "rules",
            "/message blank, /time_zone unknown_time_zone",
        ),
        (json!({ "message": "hi", "geheim": 1 }), "wrong_form", "/ unknown_field"),
        (list, "wrong_form", "/params/order wrong_kind"),
        (crate::support::app::create(""), "rules", "/params/input/content blank"),
        (crate::support::app::add("thr_1", "hi"), "unknown_thread", ""),
    ];
    for (body, _, _) in &table {
        let request = client().post(format!("{}/chat", server.url)).body(body.to_string());
        request.header("content-type", "application/json").send().await.unwrap();
    }

    let (_, lines) = server.stop();

    assert!(!lines.join("\n").contains("geheim"), "{lines:#?}");
    let lines = lines.iter().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let refused: Vec<_> = lines.filter(|line| line["message"] == "Request refused").collect();
    assert_eq!(refused.len(), table.len(), "{refused:#?}");
    for (line, (_, code, at)) in refused.iter().zip(table) {
        assert_eq!((&line["code"], &line["at"]), (&json!(code), &json!(at)));
    }
}

#[tokio::test]
async fn a_method_or_path_that_nobody_knows_is_not_told() {
    let data = TempDir::new().unwrap();
    let server = Running::start(&data, &[]);
    let method = reqwest::Method::from_bytes(b"GEHEIM").unwrap();
    let url = format!("{}/chat", server.url);
    client().request(method, url).send().await.unwrap();
    client().get(format!("{}/geheim", server.url)).send().await.unwrap();

    let (_, lines) = server.stop();

    let text = lines.join("\n");
    assert!(!text.contains("geheim") && !text.contains("GEHEIM"), "{text}");
    assert!(text.contains(r#""method":"unknown""#), "{text}");
}

/// A password may stand before the host or among the parameters, in any address that we are told.
#[tokio::test]
async fn no_address_is_told_with_its_password() {
    let fallbacks = r#"[{"name":"b","base_url":"http://localhost:1/v1","model":"m",
        "api_key_env":"B_KEY"}]"#;
    let addresses = [
        ("DATABASE_URL", "postgres://127.0.0.1:1/threads?user=u&password=geheim"),
        ("DATABASE_URL", "postgres://u:geheim@127.0.0.1:1/threads?sslmode=disable"),
        ("DATABASE_URL", "postgres:///threads?host=127.0.0.1&port=1&password=geheim"),
        ("DATABASE_URL", "sqlite://threads.db?mode=rwc"),
        ("DATABASE_URL", "memory"),
        ("TODO_DATABASE_URL", "postgres://127.0.0.1:1/todos?user=u&password=geheim"),
        ("MCP_SERVER_URL", "http://u:geheim@127.0.0.1:1/mcp?key=geheim"),
        ("MODEL_FALLBACKS", fallbacks),
    ];

    for (name, value) in addresses {
        let data = TempDir::new().unwrap();
        let env = [("LOG_LEVEL", "trace"), ("B_KEY", "geheim"), (name, value)];
        let server = Running::start(&data, &env);
        let (_, health) = get(&format!("{}/health", server.url)).await;
        let (_, lines) = server.stop();

        let told = format!("{lines:#?} {health}");
        assert!(!told.contains("geheim"), "{name}={value}: {told}");
        let place = lines.iter().find(|line| line.contains("Listening on")).unwrap();
        let expected = match (name, value) {
            ("DATABASE_URL", "memory") => "data: memory",
            ("DATABASE_URL", file) if file.starts_with("sqlite") => "data: threads.db",
            ("DATABASE_URL", _) => "data: 127.0.0.1:1/threads",
            _ => "data: data/orchestrator.db",
        };
        assert!(place.contains(expected), "{place}");
    }
}

#[tokio::test]
async fn a_limit_in_money_that_does_not_hold_for_a_model_is_told_at_the_start() {
    let data = TempDir::new().unwrap();
    let fallbacks = r#"[{"name":"b","base_url":"http://localhost:1/v1","model":"gemini-3.6-flash"},
        {"name":"c","base_url":"http://localhost:1/v1","model":"mystery"}]"#;
    let env = [("MAX_TURN_COST_USD", "0.05"), ("MODEL_FALLBACKS", fallbacks)];
    let server = Running::start(&data, &env);
    server.ready().await;

    let (_, lines) = server.stop();

    let warned: Vec<_> = lines.iter().filter(|line| line.contains("MAX_TURN_COST_USD")).collect();
    assert_eq!(warned.len(), 1, "{lines:#?}");
    assert!(warned[0].contains("mystery") && warned[0].contains("MODEL_PRICES"), "{warned:?}");
}
