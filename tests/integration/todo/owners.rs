//! Whose todos they are: nobody reaches those of another.

use sqlx::{AnyConnection, Connection, Executor};

use super::*;
use crate::support::postgres;

on_every_database!(
    no_tool_reaches_a_todo_of_another,
    a_list_has_ones_own_todos_alone,
    equal_keys_of_two_owners_do_not_meet,
    who_is_not_named_is_anyone,
    an_owner_of_another_shape_is_refused,
    an_owner_among_the_arguments_is_refused,
);

const ADA: &str = "/ada";
const BOB: &str = "acme/bob";

async fn no_tool_reaches_a_todo_of_another(desk: Desk) {
    let made = desk.by(ADA, "create_todo", title("Milk")).await.unwrap();
    let theirs = json!({ "id": made["id"] });
    let renamed = json!({ "id": made["id"], "title": "Mine" });

    for owner in [BOB, "anyone", "/Ada", "ada/ada", "/ada/ada"] {
        let unknown = desk.by(owner, "get_todo", json!({ "id": "tabc" })).await.unwrap_err();
        let expected = unknown.replace("tabc", made["id"].as_str().unwrap());
        for (tool, arguments) in [
            ("get_todo", &theirs),
            ("update_todo", &renamed),
            ("complete_todo", &theirs),
            ("delete_todo", &theirs),
        ] {
            let refused = desk.by(owner, tool, arguments.clone()).await.unwrap_err();
            assert_eq!(refused, expected, "{tool} by {owner}");
            let refused = desk.keyed_by(owner, tool, arguments.clone()).await.unwrap_err();
            assert_eq!(refused, expected, "{tool} by {owner} with a key");
        }
        let listed = desk.by(owner, "list_todos", json!({})).await.unwrap();
        assert_eq!(listed, json!({ "todos": [], "total": 0 }), "{owner}");
    }
    assert_eq!(desk.by(ADA, "get_todo", theirs).await.unwrap(), made);
}

async fn a_list_has_ones_own_todos_alone(desk: Desk) {
    for (owner, name) in [(ADA, "a1"), (BOB, "b1"), (ADA, "a2"), ("anyone", "x1")] {
        let todo = json!({ "title": name, "tags": ["shop"], "due": "2026-11-22" });
        desk.by(owner, "create_todo", todo).await.unwrap();
    }

    let filters = [
        json!({}),
        json!({ "text": "1" }),
        json!({ "tag": "shop", "sort": "title", "order": "desc" }),
        json!({ "status": "open", "due_from": "2026-11-22", "due_to": "2026-11-22" }),
    ];
    for filter in filters {
        let page = desk.by(BOB, "list_todos", filter.clone()).await.unwrap();
        assert_eq!((&page["total"], &page["todos"][0]["title"]), (&json!(1), &json!("b1")));
        assert_eq!(page["todos"].as_array().unwrap().len(), 1, "{filter}");
    }
    let page = desk.by(ADA, "list_todos", json!({ "limit": 1 })).await.unwrap();
    assert_eq!((&page["total"], &page["next_offset"]), (&json!(2), &json!(1)));
}

async fn equal_keys_of_two_owners_do_not_meet(desk: Desk) {
    let one = desk.keyed_by(ADA, "create_todo", title("Milk")).await.unwrap();
    let other = desk.keyed_by(BOB, "create_todo", title("Milk")).await.unwrap();
    let third = desk.keyed_by("anyone", "create_todo", title("Eggs")).await.unwrap();

    assert!(one["id"] != other["id"] && other["id"] != third["id"]);
    assert_eq!(desk.keyed_by(ADA, "create_todo", title("Milk")).await.unwrap(), one);
    assert_eq!(desk.keyed_by(BOB, "create_todo", title("Milk")).await.unwrap(), other);
    let told = "The idempotency key was used for another call.";
    assert_eq!(desk.keyed_by(BOB, "create_todo", title("Eggs")).await.unwrap_err(), told);
}

async fn who_is_not_named_is_anyone(desk: Desk) {
    let made = desk.create(title("Milk")).await;

    let found = desk.by("anyone", "get_todo", json!({ "id": made["id"] })).await.unwrap();

    assert_eq!(found, made);
}

async fn an_owner_of_another_shape_is_refused(desk: Desk) {
    let told = "The owner of a call must be anyone, or a tenant and a user as in tenant/user.";
    let long = format!("/{}", "a".repeat(201));
    let shapes = ["", "ada", "/", "acme/", "/a\0b", "/a\nb", "Anyone", &long].map(Value::from);
    for owner in shapes.into_iter().chain([json!(7), Value::Null, json!(["/ada"])]) {
        for (tool, arguments) in [("create_todo", title("Milk")), ("list_todos", json!({}))] {
            let refused = desk.by(owner.clone(), tool, arguments).await.unwrap_err();
            assert_eq!(refused, told, "{owner}");
        }
    }
    let longest = format!("{}/{}", "t".repeat(200), "u".repeat(200));
    desk.by(longest, "create_todo", title("Milk")).await.unwrap();
}

async fn an_owner_among_the_arguments_is_refused(desk: Desk) {
    for (tool, arguments) in [
        ("create_todo", json!({ "title": "Milk", "owner": ADA })),
        ("list_todos", json!({ "owner": ADA })),
        ("get_todo", json!({ "id": "tabc", "owner": ADA })),
        ("update_todo", json!({ "id": "tabc", "title": "x", "owner": ADA })),
        ("complete_todo", json!({ "id": "tabc", "owner": ADA })),
        ("delete_todo", json!({ "id": "tabc", "owner": ADA })),
    ] {
        let refused = desk.call(tool, arguments).await.unwrap_err();

        let told = "The arguments do not fit: unknown field `owner`";
        assert!(refused.starts_with(told), "{tool}: {refused}");
    }
}

/// Over HTTP everybody can write `_meta`.
#[tokio::test]
async fn an_owner_that_is_told_over_http_without_a_right_to_is_refused() {
    drop(crate::support::process::client());
    let served = http::Served::start("memory").await;
    for revision in [ProtocolVersion::V_2025_11_25, ProtocolVersion::V_2026_07_28] {
        let uri = served.url("/mcp");
        let transport = rmcp::transport::StreamableHttpClientTransport::from_uri(uri);
        let client = connect(transport, revision).await;
        let meta = json!({ "orchestrator/owner": ADA });
        let made = answer(call_with(&client, "create_todo", title("Milk"), meta).await);
        assert!(made.unwrap_err().contains("tell_owner"), "the operator hears what to do");

        let anyone = json!({ "orchestrator/owner": "anyone" });
        let made = answer(call_with(&client, "create_todo", title("Milk"), anyone).await).unwrap();
        let id = json!({ "id": made["id"] });
        assert_eq!(answer(call(&client, "get_todo", id).await).unwrap(), made);
        client.cancel().await.unwrap();
    }
    served.stop().await;
}

#[tokio::test]
async fn each_owner_may_have_as_many_todos_in_a_file() {
    each_owner_may_have_as_many_todos(Desk::sqlite().await).await;
}

#[tokio::test]
async fn each_owner_may_have_as_many_todos_on_postgresql() {
    let Some(url) = postgres::database().await else { return };

    each_owner_may_have_as_many_todos(Desk::open(&url).await).await;
}

async fn each_owner_may_have_as_many_todos(desk: Desk) {
    let mut database = AnyConnection::connect(&desk.url).await.unwrap();
    let fill = "INSERT INTO todos (id, title, title_key, status, priority, tags, search, \
        search_tags, created_at, updated_at, owner) \
        WITH RECURSIVE counted (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM counted WHERE n < 10000) \
        SELECT 'x' || n, 'x', 'x', 'open', 1, '[]', 'x', '', n, n, '/ada' FROM counted";
    database.execute(fill).await.unwrap();

    let refused = desk.by(ADA, "create_todo", title("Milk")).await.unwrap_err();

    assert_eq!(refused, "There are 10000 todos, and no more fit. Delete some first.");
    desk.by(BOB, "create_todo", title("Milk")).await.unwrap();
}

impl Desk {
    async fn by(
        &self,
        owner: impl Into<Value>,
        tool: &'static str,
        arguments: Value,
    ) -> Result<Value, String> {
        let meta = json!({ "orchestrator/owner": owner.into() });
        answer(call_with(&self.client, tool, arguments, meta).await)
    }

    /// The same, under the key `k`.
    async fn keyed_by(
        &self,
        owner: &str,
        tool: &'static str,
        arguments: Value,
    ) -> Result<Value, String> {
        let meta = json!({ "orchestrator/owner": owner, "orchestrator/idempotency-key": "k" });
        answer(call_with(&self.client, tool, arguments, meta).await)
    }
}
