//! Creating, reading, changing, completing and deleting.

use jiff::Timestamp;

use super::*;

on_every_database!(
    a_todo_is_kept_as_it_was_given,
    a_bare_title_is_enough,
    only_what_is_named_is_changed,
    null_or_an_empty_text_clears_notes_and_due,
    null_elsewhere_changes_nothing,
    completing_twice_changes_nothing_more,
    a_done_todo_is_opened_again,
    a_deleted_todo_is_gone,
    an_unknown_id_is_refused_with_what_to_do,
    ids_of_any_shape_are_refused_alike,
);

async fn a_todo_is_kept_as_it_was_given(desk: Desk) {
    let given = json!({
        "title": "Milk", "notes": "two\r\nbottles", "priority": "high",
        "due": "2026-11-22T17:00", "tags": ["#Shop", "home", "HOME", ""],
    });

    let made = desk.create(given).await;

    let id = made["id"].as_str().unwrap();
    assert!(id.len() == 13 && id.starts_with('t'), "{id}");
    let created: Timestamp = made["created_at"].as_str().unwrap().parse().unwrap();
    let expected = json!({
        "id": id, "title": "Milk", "notes": "two\nbottles", "status": "open", "priority": "high",
        "due": "2026-11-22T17:00", "tags": ["Shop", "home"],
        "created_at": created.to_string(), "updated_at": created.to_string(),
    });
    assert_eq!(made, expected);
    assert_eq!(desk.call("get_todo", json!({ "id": id })).await.unwrap(), expected);
}

async fn a_bare_title_is_enough(desk: Desk) {
    let made = desk.create(title("  Eggs\u{7}\n ")).await;

    let names: Vec<_> = made.as_object().unwrap().keys().collect();
    assert_eq!(names, ["id", "title", "status", "priority", "tags", "created_at", "updated_at"]);
    assert_eq!(made["title"], "Eggs");
    assert_eq!(made["priority"], "normal");
}

async fn only_what_is_named_is_changed(desk: Desk) {
    let given = json!({ "title": "Milk", "notes": "n", "due": "2026-11-22", "tags": ["a"] });
    let made = desk.create(given).await;

    let change = json!({ "id": made["id"], "priority": "low" });
    let changed = desk.call("update_todo", change).await.unwrap();

    let mut expected = made.clone();
    expected["priority"] = json!("low");
    expected["updated_at"] = changed["updated_at"].clone();
    assert_eq!(changed, expected);
    assert_ne!(changed["updated_at"], made["updated_at"]);
    assert_eq!(desk.call("get_todo", json!({ "id": made["id"] })).await.unwrap(), expected);
}

async fn null_or_an_empty_text_clears_notes_and_due(desk: Desk) {
    for nothing in [Value::Null, json!(""), json!("  ")] {
        let given = json!({ "title": "Milk", "notes": "n", "due": "2026-11-22" });
        let id = desk.id_of(given).await;

        let change = json!({ "id": id, "due": nothing });
        let without_due = desk.call("update_todo", change).await.unwrap();
        let change = json!({ "id": id, "notes": nothing });
        let without_both = desk.call("update_todo", change).await.unwrap();

        assert_eq!((without_due.get("due"), &without_due["notes"]), (None, &json!("n")));
        assert_eq!((without_both.get("due"), without_both.get("notes")), (None, None));
        assert_eq!(desk.titles(json!({ "due_from": "2026-01-01" })).await, [""; 0]);
    }
}

async fn null_elsewhere_changes_nothing(desk: Desk) {
    let made = desk.create(json!({ "title": "Milk", "tags": ["a"], "priority": "low" })).await;
    let nulls =
        json!({ "id": made["id"], "title": null, "tags": null, "priority": null, "status": null });

    let refused = desk.call("update_todo", nulls).await.unwrap_err();

    let told = "Nothing to change was given. Name at least one field besides the id.";
    assert_eq!(refused, told);
    let nulls =
        json!({ "title": "Eggs", "notes": null, "due": null, "tags": null, "priority": null });
    assert_eq!(desk.create(nulls).await["tags"], json!([]));
    assert_eq!(desk.call("get_todo", json!({ "id": made["id"] })).await.unwrap(), made);
}

async fn completing_twice_changes_nothing_more(desk: Desk) {
    let id = json!({ "id": desk.id_of(title("Milk")).await });

    let once = desk.call("complete_todo", id.clone()).await.unwrap();
    let twice = desk.call("complete_todo", id.clone()).await.unwrap();

    assert_eq!(once["status"], "done");
    assert_eq!(once["completed_at"], once["updated_at"]);
    assert_eq!(twice, once);
    assert_eq!(desk.call("get_todo", id).await.unwrap(), once);
}

async fn a_done_todo_is_opened_again(desk: Desk) {
    let id = desk.id_of(title("Milk")).await;
    desk.call("complete_todo", json!({ "id": id })).await.unwrap();

    let opened = desk.call("update_todo", json!({ "id": id, "status": "open" })).await.unwrap();

    assert_eq!((&opened["status"], opened.get("completed_at")), (&json!("open"), None));
    assert_eq!(desk.titles(json!({ "status": "open" })).await, ["Milk"]);
}

async fn a_deleted_todo_is_gone(desk: Desk) {
    let made = desk.create(title("Milk")).await;
    let id = json!({ "id": made["id"] });

    let deleted = desk.call("delete_todo", id.clone()).await.unwrap();

    let mut expected = json!({ "deleted": made });
    expected["deleted"]["deleted_at"] = deleted["deleted"]["deleted_at"].clone();
    assert_eq!(deleted, expected);
    assert!(desk.call("delete_todo", id.clone()).await.unwrap_err().starts_with("There is no"));
    assert!(desk.call("get_todo", id).await.is_err());
    assert_eq!(desk.call("list_todos", json!({})).await.unwrap()["total"], 0);
}

async fn an_unknown_id_is_refused_with_what_to_do(desk: Desk) {
    let told = "There is no todo with id tabc. Call list_todos to see the ids.";
    for tool in ["get_todo", "complete_todo", "delete_todo"] {
        assert_eq!(desk.call(tool, json!({ "id": "tabc" })).await.unwrap_err(), told);
    }
    let change = json!({ "id": "tabc", "title": "x" });
    assert_eq!(desk.call("update_todo", change).await.unwrap_err(), told);
}

/// PostgreSQL refuses NUL in a text, which must not look like a database that is down.
async fn ids_of_any_shape_are_refused_alike(desk: Desk) {
    for id in ["", " ", "a\0b", "ä", "%", "' OR 1=1 --", "t1 t2", &"t".repeat(100_000)] {
        let refused = desk.call("get_todo", json!({ "id": id })).await.unwrap_err();

        assert!(refused.starts_with("There is no todo with id "), "{refused}");
        assert!(refused.len() < 200, "{refused}");
    }
}
