//! The history of changes, undoing them, and the trash.

use sqlx::Connection;

use super::*;

on_every_database!(
    a_deleted_todo_is_in_the_trash_and_can_be_restored,
    what_is_in_the_trash_is_for_no_other_tool,
    every_kind_of_change_can_be_undone,
    undoing_again_and_again_leads_back_to_the_beginning,
    what_was_undone_can_be_done_again,
    a_change_that_another_followed_is_not_undone_before_that_one,
    a_change_is_undone_once,
    the_history_has_every_change_in_pages_the_newest_first,
    nobody_undoes_the_changes_of_somebody_else,
    an_undoing_is_repeated_under_its_key_without_a_second_effect,
    many_undoings_at_once_take_back_one_change_each,
);

async fn a_deleted_todo_is_in_the_trash_and_can_be_restored(desk: Desk) {
    let made = desk.create(json!({ "title": "Milk", "notes": "n", "due": "2026-11-22" })).await;
    let id = json!({ "id": made["id"] });

    desk.call("delete_todo", id.clone()).await.unwrap();
    assert_eq!(desk.titles(json!({})).await, [""; 0]);
    assert_eq!(desk.titles(json!({ "status": "deleted" })).await, ["Milk"]);

    assert_eq!(desk.call("restore_todo", id.clone()).await.unwrap(), made);
    assert_eq!(desk.call("get_todo", id).await.unwrap(), made);
    assert_eq!(desk.titles(json!({ "status": "deleted" })).await, [""; 0]);
}

async fn what_is_in_the_trash_is_for_no_other_tool(desk: Desk) {
    let id = desk.id_of(title("Milk")).await;
    desk.call("delete_todo", json!({ "id": id })).await.unwrap();

    let told = format!("There is no todo with id {id}. Call list_todos to see the ids.");
    for tool in ["get_todo", "complete_todo", "delete_todo"] {
        assert_eq!(desk.call(tool, json!({ "id": id })).await.unwrap_err(), told, "{tool}");
    }
    let change = json!({ "id": id, "priority": "low" });
    assert_eq!(desk.call("update_todo", change).await.unwrap_err(), told);

    desk.call("restore_todo", json!({ "id": id })).await.unwrap();
    let refused = desk.call("restore_todo", json!({ "id": id })).await.unwrap_err();
    assert_eq!(refused, format!("The todo with id {id} is not in the trash. Nothing was done."));
}

async fn every_kind_of_change_can_be_undone(desk: Desk) {
    let made = desk.create(json!({ "title": "Milk", "notes": "n", "tags": ["a"] })).await;
    let id = json!({ "id": made["id"] });
    let with = |member: &str, value: Value| {
        let mut arguments = id.clone();
        arguments[member] = value;
        arguments
    };

    for (tool, arguments, done) in [
        ("update_todo", with("title", json!("Oat milk")), "changed"),
        ("update_todo", with("notes", Value::Null), "changed"),
        ("complete_todo", id.clone(), "completed"),
        ("delete_todo", id.clone(), "deleted"),
    ] {
        let before = desk.call("get_todo", id.clone()).await.unwrap();
        desk.call(tool, arguments).await.unwrap();

        let undone = desk.call("undo_change", json!({})).await.unwrap();

        assert_eq!(undone["what"], done);
        let after = desk.call("get_todo", id.clone()).await.unwrap();
        assert_eq!(undone["todos"], json!([after]));
        assert_eq!(apart_from_times(after), apart_from_times(before), "{done}");
    }

    let undone = desk.call("undo_change", json!({})).await.unwrap();
    assert_eq!(undone["what"], "created");
    assert!(undone["todos"][0]["deleted_at"].is_string(), "{undone}");
    assert_eq!(desk.titles(json!({})).await, [""; 0]);
}

async fn undoing_again_and_again_leads_back_to_the_beginning(desk: Desk) {
    let id = desk.id_of(title("One")).await;
    for name in ["Two", "Three"] {
        desk.call("update_todo", json!({ "id": id, "title": name })).await.unwrap();
    }

    for expected in [vec!["Two"], vec!["One"], vec![]] {
        desk.call("undo_change", json!({})).await.unwrap();
        assert_eq!(desk.titles(json!({})).await, expected);
    }
    let refused = desk.call("undo_change", json!({})).await.unwrap_err();
    assert_eq!(refused, "There is no change that can be undone. Changes are kept for 30 days.");
}

async fn what_was_undone_can_be_done_again(desk: Desk) {
    let id = desk.id_of(title("One")).await;
    desk.call("update_todo", json!({ "id": id, "title": "Two" })).await.unwrap();
    desk.call("undo_change", json!({})).await.unwrap();

    desk.call("undo_change", json!({ "change": 3 })).await.unwrap();
    assert_eq!(desk.titles(json!({})).await, ["Two"]);

    desk.call("undo_change", json!({})).await.unwrap();
    assert_eq!(desk.titles(json!({})).await, ["One"]);
}

async fn a_change_that_another_followed_is_not_undone_before_that_one(desk: Desk) {
    let id = desk.id_of(title("One")).await;
    desk.id_of(title("Another")).await;
    desk.call("update_todo", json!({ "id": id, "title": "Two" })).await.unwrap();

    let refused = desk.call("undo_change", json!({ "change": 1 })).await.unwrap_err();
    assert_eq!(refused, "The todo was changed again since. Undo change 3 first.");

    // Of another todo, so it is in nobody's way.
    desk.call("undo_change", json!({ "change": 2 })).await.unwrap();
    assert_eq!(desk.titles(json!({})).await, ["Two"]);
    desk.call("undo_change", json!({ "change": 3 })).await.unwrap();
    desk.call("undo_change", json!({ "change": 1 })).await.unwrap();
    assert_eq!(desk.titles(json!({})).await, [""; 0]);
}

async fn a_change_is_undone_once(desk: Desk) {
    desk.id_of(title("One")).await;
    desk.call("undo_change", json!({ "change": 1 })).await.unwrap();

    let refused = desk.call("undo_change", json!({ "change": 1 })).await.unwrap_err();
    assert_eq!(refused, "Change 1 is undone already. Nothing was done.");
    for unknown in [0, 7, -1, i64::MAX] {
        let refused = desk.call("undo_change", json!({ "change": unknown })).await.unwrap_err();
        let told = format!("There is no change {unknown}. Call list_changes to see their numbers.");
        assert_eq!(refused, told);
    }
}

async fn the_history_has_every_change_in_pages_the_newest_first(desk: Desk) {
    let id = desk.id_of(title("One")).await;
    desk.call("complete_todo", json!({ "id": id })).await.unwrap();
    desk.call("complete_todo", json!({ "id": id })).await.unwrap();
    desk.call("update_todo", json!({ "id": id, "status": "open" })).await.unwrap();
    desk.id_of(title("Other")).await;
    desk.call("delete_todo", json!({ "id": id })).await.unwrap();
    desk.call("undo_change", json!({})).await.unwrap();

    let all = desk.call("list_changes", json!({})).await.unwrap();
    let kinds = all["changes"].as_array().unwrap().iter().map(|it| it["what"].as_str().unwrap());
    let expected = ["undone", "deleted", "created", "reopened", "completed", "created"];
    assert_eq!(kinds.collect::<Vec<_>>(), expected);
    assert_eq!(all.get("next_offset"), None);
    let (undoing, deletion) = (&all["changes"][0], &all["changes"][1]);
    assert_eq!(undoing["undoes"], deletion["change"]);
    assert_eq!(deletion["undone_by"], undoing["change"]);

    let page = json!({ "id": id, "limit": 2, "offset": 3 });
    let page = desk.call("list_changes", page).await.unwrap();
    let kinds = page["changes"].as_array().unwrap().iter().map(|it| it["what"].as_str().unwrap());
    assert_eq!(kinds.collect::<Vec<_>>(), ["completed", "created"]);
    let first = desk.call("list_changes", json!({ "limit": 2 })).await.unwrap();
    assert_eq!(first["next_offset"], 2);
}

async fn nobody_undoes_the_changes_of_somebody_else(desk: Desk) {
    let by = async |tool, arguments, who: &str| {
        let meta = json!({ "orchestrator/owner": who });
        answer(call_with(&desk.client, tool, arguments, meta).await)
    };
    let made = by("create_todo", title("Milk"), "/ada").await.unwrap();
    by("delete_todo", json!({ "id": made["id"] }), "/ada").await.unwrap();

    assert!(by("undo_change", json!({}), "/bob").await.is_err());
    assert!(by("undo_change", json!({ "change": 1 }), "/bob").await.is_err());
    assert!(by("restore_todo", json!({ "id": made["id"] }), "/bob").await.is_err());
    let history = by("list_changes", json!({}), "/bob").await.unwrap();
    assert_eq!(history, json!({ "changes": [] }));
    let trash = by("list_todos", json!({ "status": "deleted" }), "/bob").await.unwrap();
    assert_eq!(trash["total"], 0);
}

async fn an_undoing_is_repeated_under_its_key_without_a_second_effect(desk: Desk) {
    desk.id_of(title("One")).await;
    desk.id_of(title("Two")).await;
    let meta = json!({ "orchestrator/idempotency-key": "k" });

    let undo = async || call_with(&desk.client, "undo_change", json!({}), meta.clone()).await;
    let (first, second) = (answer(undo().await).unwrap(), answer(undo().await).unwrap());

    assert_eq!(first, second);
    assert_eq!(desk.titles(json!({})).await, ["One"]);
}

async fn many_undoings_at_once_take_back_one_change_each(desk: Desk) {
    for number in 0..8 {
        desk.id_of(title(&format!("Todo {number}"))).await;
    }

    let undoings = (0..5).map(|_| desk.call("undo_change", json!({})));
    for undone in futures::future::join_all(undoings).await {
        undone.unwrap();
    }

    assert_eq!(desk.titles(json!({})).await, ["Todo 0", "Todo 1", "Todo 2"]);
}

#[tokio::test]
async fn changes_and_deleted_todos_are_forgotten_after_30_days() {
    let desk = Desk::sqlite().await;
    let ids = [desk.id_of(title("Deleted")).await, desk.id_of(title("Stays")).await];
    desk.call("delete_todo", json!({ "id": ids[0] })).await.unwrap();
    let mut file = sqlx::SqliteConnection::connect(&desk.url).await.unwrap();
    let old = "UPDATE todo_changes SET made_at = made_at - 31 * CAST(86400000000 AS BIGINT)";
    sqlx::query(old).execute(&mut file).await.unwrap();

    desk.id_of(title("New")).await;

    let history = desk.call("list_changes", json!({})).await.unwrap();
    assert_eq!(history["changes"].as_array().unwrap().len(), 1);
    assert_eq!(desk.titles(json!({ "status": "deleted" })).await, [""; 0]);
    assert_eq!(desk.titles(json!({})).await, ["Stays", "New"]);
}

fn apart_from_times(mut todo: Value) -> Value {
    todo["updated_at"] = Value::Null;
    todo
}
