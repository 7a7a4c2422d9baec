//! Calls that are repeated under one idempotency key.

use futures::future::join_all;
use rmcp::transport::{StreamableHttpClientTransport, TokioChildProcess};
use sqlx::Connection;
use tokio::process::Command;

use super::http::Served;
use super::*;
use crate::support::postgres;
use crate::support::process::{client, program};

on_every_database!(
    a_creation_is_repeated_without_a_second_todo,
    a_change_is_repeated_without_undoing_later_ones,
    a_deletion_is_reported_as_the_first_time,
    what_was_deleted_since_is_told,
    a_key_belongs_to_one_call,
    a_refused_call_leaves_its_key_free,
    many_at_once_with_one_key_have_one_effect,
    a_key_of_another_shape_is_refused,
    a_call_without_a_key_is_never_a_repetition,
    reading_takes_no_notice_of_keys,
);

async fn a_creation_is_repeated_without_a_second_todo(desk: Desk) {
    let made = desk.keyed("create_todo", title("Milk"), "k").await.unwrap();
    assert_eq!(desk.keyed("create_todo", title("Milk"), "k").await.unwrap(), made);

    let change = json!({ "id": made["id"], "title": "Oat milk" });
    let changed = desk.call("update_todo", change).await.unwrap();

    assert_eq!(desk.keyed("create_todo", title("Milk"), "k").await.unwrap(), changed);
    assert_eq!(desk.titles(json!({})).await, ["Oat milk"]);
}

async fn a_change_is_repeated_without_undoing_later_ones(desk: Desk) {
    let id = desk.id_of(title("Milk")).await;
    let (low, only_id) = (json!({ "id": id, "priority": "low" }), json!({ "id": id }));
    desk.keyed("update_todo", low.clone(), "u").await.unwrap();
    desk.keyed("complete_todo", only_id.clone(), "c").await.unwrap();
    let later = json!({ "id": id, "priority": "high", "status": "open" });
    let later = desk.call("update_todo", later).await.unwrap();

    assert_eq!(desk.keyed("update_todo", low, "u").await.unwrap(), later);
    assert_eq!(desk.keyed("complete_todo", only_id.clone(), "c").await.unwrap(), later);
    assert_eq!(desk.call("get_todo", only_id).await.unwrap(), later);
}

async fn a_deletion_is_reported_as_the_first_time(desk: Desk) {
    let made = desk.create(json!({ "title": "Milk", "notes": "n", "due": "2026-11-22" })).await;
    let id = json!({ "id": made["id"] });

    let deleted = desk.keyed("delete_todo", id.clone(), "k").await.unwrap();

    let mut expected = json!({ "deleted": made });
    expected["deleted"]["deleted_at"] = deleted["deleted"]["deleted_at"].clone();
    assert_eq!(deleted, expected);
    assert_eq!(desk.keyed("delete_todo", id, "k").await.unwrap(), deleted);
}

async fn what_was_deleted_since_is_told(desk: Desk) {
    let made = desk.keyed("create_todo", title("Milk"), "1").await.unwrap();
    let id = json!({ "id": made["id"] });
    let low = json!({ "id": made["id"], "priority": "low" });
    let changed = desk.keyed("update_todo", low.clone(), "2").await.unwrap();
    let completed = desk.keyed("complete_todo", id.clone(), "3").await.unwrap();
    desk.call("delete_todo", id.clone()).await.unwrap();

    for (tool, arguments, key, mut expected, done) in [
        ("create_todo", title("Milk"), "1", made, "created"),
        ("update_todo", low, "2", changed, "changed"),
        ("complete_todo", id, "3", completed, "completed"),
    ] {
        let told = format!("The todo was {done}, and has since been deleted.");
        expected["gone"] = json!(told);
        assert_eq!(desk.keyed(tool, arguments, key).await.unwrap(), expected);
    }
    assert_eq!(desk.titles(json!({})).await, [""; 0]);
}

async fn a_key_belongs_to_one_call(desk: Desk) {
    let given = json!({ "title": "Milk", "notes": "n" });
    let made = desk.keyed("create_todo", given, "k").await.unwrap();
    let id = json!({ "id": made["id"] });

    let told = "The idempotency key was used for another call.";
    for (tool, arguments) in [
        ("create_todo", title("Eggs")),
        ("create_todo", title("Milk")),
        ("complete_todo", id.clone()),
        ("delete_todo", id.clone()),
    ] {
        assert_eq!(desk.keyed(tool, arguments, "k").await.unwrap_err(), told, "{tool}");
    }
    assert_eq!(desk.call("get_todo", id).await.unwrap(), made);
    let in_other_order = json!({ "notes": "n", "title": "Milk" });
    assert_eq!(desk.keyed("create_todo", in_other_order, "k").await.unwrap(), made);
}

async fn a_refused_call_leaves_its_key_free(desk: Desk) {
    let unknown = json!({ "id": "tabc" });
    for tool in ["complete_todo", "delete_todo"] {
        for _ in 0..2 {
            let refused = desk.keyed(tool, unknown.clone(), "k").await.unwrap_err();
            assert!(refused.starts_with("There is no todo"), "{refused}");
        }
    }

    desk.keyed("create_todo", title("Milk"), "k").await.unwrap();
}

async fn many_at_once_with_one_key_have_one_effect(desk: Desk) {
    let calls = (0..8).map(|_| desk.keyed("create_todo", title("Milk"), "k"));
    let made: Vec<_> = join_all(calls).await.into_iter().map(Result::unwrap).collect();

    assert!(made.iter().all(|todo| todo == &made[0]), "{made:?}");
    assert_eq!(desk.titles(json!({})).await, ["Milk"]);

    let id = json!({ "id": made[0]["id"] });
    let calls = (0..8).map(|_| desk.keyed("delete_todo", id.clone(), "d"));
    let deleted: Vec<_> = join_all(calls).await.into_iter().map(Result::unwrap).collect();
    assert!(deleted.iter().all(|one| one == &deleted[0]), "{deleted:?}");
    assert_eq!(deleted[0]["deleted"]["id"], made[0]["id"]);
}

async fn a_key_of_another_shape_is_refused(desk: Desk) {
    let told = "The idempotency key must be a text of 1 to 200 printable characters.";
    let long = "ä".repeat(201);
    for key in [json!(""), json!(long), json!(7), json!(null), json!(["k"]), json!("a\0b")] {
        let refused = desk.keyed("create_todo", title("Milk"), key).await.unwrap_err();
        assert_eq!(refused, told);
    }

    desk.keyed("create_todo", title("Milk"), "ä".repeat(200)).await.unwrap();
    assert_eq!(desk.titles(json!({})).await, ["Milk"]);
}

async fn a_call_without_a_key_is_never_a_repetition(desk: Desk) {
    desk.keyed("create_todo", title("Milk"), "k").await.unwrap();
    desk.create(title("Milk")).await;
    desk.keyed("create_todo", title("Milk"), "other").await.unwrap();

    assert_eq!(desk.titles(json!({})).await, ["Milk"; 3]);
}

async fn reading_takes_no_notice_of_keys(desk: Desk) {
    let before = desk.keyed("list_todos", json!({}), "k").await.unwrap();
    desk.keyed("create_todo", title("Milk"), "k").await.unwrap();
    let after = desk.keyed("list_todos", json!({}), "k").await.unwrap();

    assert_eq!((&before["total"], &after["total"]), (&json!(0), &json!(1)));
}

#[tokio::test]
async fn a_key_holds_for_a_day_in_a_file() {
    holds_for_a_day(Desk::sqlite().await).await;
}

#[tokio::test]
async fn a_key_holds_for_a_day_on_postgresql() {
    let Some(url) = postgres::database().await else { return };

    holds_for_a_day(Desk::open(&url).await).await;
}

async fn holds_for_a_day(desk: Desk) {
    for key in ["k", "old", "older"] {
        desk.keyed("create_todo", title("Milk"), key).await.unwrap();
    }
    age(&desk, 24 * 3600 - 60).await;
    desk.keyed("create_todo", title("Milk"), "k").await.unwrap();
    assert_eq!(desk.titles(json!({})).await, ["Milk"; 3]);

    age(&desk, 61).await;
    desk.keyed("create_todo", title("Milk"), "k").await.unwrap();
    desk.keyed("create_todo", title("Milk"), "k").await.unwrap();

    assert_eq!(desk.titles(json!({})).await, ["Milk"; 4]);
    assert_eq!(kept(&desk).await, ["k"]);
}

/// Moves every key into the past.
async fn age(desk: &Desk, seconds: i64) {
    let mut database = sqlx::AnyConnection::connect(&desk.url).await.unwrap();
    let update = sqlx::query("UPDATE keyed_calls SET made_at = made_at - $1");
    update.bind(seconds * 1_000_000).execute(&mut database).await.unwrap();
}

async fn kept(desk: &Desk) -> Vec<String> {
    let mut database = sqlx::AnyConnection::connect(&desk.url).await.unwrap();
    let select = sqlx::query_scalar("SELECT key FROM keyed_calls ORDER BY key");
    select.fetch_all(&mut database).await.unwrap()
}

/// Keys of a day ago that are used again while others are swept must not wait in a circle.
#[tokio::test]
async fn old_keys_are_used_again_at_once_on_postgresql() {
    let Some(url) = postgres::database().await else { return };
    let (one, other) = (Desk::open(&url).await, Desk::open(&url).await);
    let keys: Vec<_> = (0..20).map(|n| n.to_string()).collect();
    for _ in 0..2 {
        let calls = keys.iter().enumerate().map(|(n, key)| {
            let desk = if n % 2 == 0 { &one } else { &other };
            desk.keyed("create_todo", title(key), key.as_str())
        });

        let made = join_all(calls).await;

        assert!(made.iter().all(Result::is_ok), "{made:?}");
        age(&one, 24 * 3600 + 1).await;
    }
    assert_eq!(one.call("list_todos", json!({})).await.unwrap()["total"], 40);
}

#[tokio::test]
async fn two_servers_honour_one_key_in_a_file() {
    let desk = Desk::sqlite().await;

    share_one_key(&desk, &Desk::open(&desk.url).await).await;
}

#[tokio::test]
async fn two_servers_honour_one_key_on_postgresql() {
    let Some(url) = postgres::database().await else { return };

    share_one_key(&Desk::open(&url).await, &Desk::open(&url).await).await;
}

async fn share_one_key(one: &Desk, other: &Desk) {
    let calls = (0..8).map(|n| {
        let desk = if n % 2 == 0 { one } else { other };
        desk.keyed("create_todo", title("Milk"), "k")
    });

    let made: Vec<_> = join_all(calls).await.into_iter().map(Result::unwrap).collect();

    assert!(made.iter().all(|todo| todo == &made[0]), "{made:?}");
    assert_eq!(one.titles(json!({})).await, ["Milk"]);
}

#[tokio::test]
async fn a_key_outlives_the_process_that_took_it() {
    let folder = TempDir::new().unwrap();
    let mut made = Vec::new();
    for revision in [ProtocolVersion::V_2025_11_25, ProtocolVersion::V_2026_07_28] {
        let mut command = Command::from(program(folder.path()));
        command.arg("todo");
        let client = connect(TokioChildProcess::new(command).unwrap(), revision).await;

        made.push(answer(call_keyed(&client, "create_todo", title("Milk"), "k").await).unwrap());

        client.cancel().await.unwrap();
    }
    assert_eq!(made[0], made[1]);
}

#[tokio::test]
async fn a_key_is_honoured_over_http() {
    drop(client());
    let served = Served::start("memory").await;
    let mut made = Vec::new();
    for revision in [ProtocolVersion::V_2025_11_25, ProtocolVersion::V_2026_07_28] {
        let transport = StreamableHttpClientTransport::from_uri(served.url("/mcp"));
        let client = connect(transport, revision).await;

        made.push(answer(call_keyed(&client, "create_todo", title("Milk"), "k").await).unwrap());

        client.cancel().await.unwrap();
    }
    assert_eq!(made[0], made[1]);
    served.stop().await;
}

impl Desk {
    async fn keyed(
        &self,
        tool: &'static str,
        arguments: Value,
        key: impl Into<Value>,
    ) -> Result<Value, String> {
        answer(call_keyed(&self.client, tool, arguments, key).await)
    }
}

async fn call_keyed(
    client: &RunningService<RoleClient, ()>,
    tool: &'static str,
    arguments: Value,
    key: impl Into<Value>,
) -> CallToolResult {
    let meta = json!({ "orchestrator/idempotency-key": key.into() });
    call_with(client, tool, arguments, meta).await
}
