//! Filters, order and pages.

use super::*;
use crate::support::postgres;

on_every_database!(
    a_status_filters,
    a_tag_is_matched_whole_and_in_any_case,
    a_text_is_found_anywhere_in_any_case,
    wildcards_stand_for_themselves,
    both_ends_of_a_due_window_count,
    every_order_is_total_with_nothing_last,
    equals_keep_the_order_of_their_making,
    pages_cover_everything_once,
    filters_add_up,
    a_blank_filter_filters_nothing,
    numbers_are_read_as_models_write_them,
);

async fn a_status_filters(desk: Desk) {
    let done = desk.id_of(title("done")).await;
    desk.create(title("open")).await;
    desk.call("complete_todo", json!({ "id": done })).await.unwrap();

    assert_eq!(desk.titles(json!({ "status": "open" })).await, ["open"]);
    assert_eq!(desk.titles(json!({ "status": "done" })).await, ["done"]);
    assert_eq!(desk.titles(json!({ "status": "all" })).await, ["done", "open"]);
    assert_eq!(desk.titles(json!({})).await, ["done", "open"]);
}

async fn a_tag_is_matched_whole_and_in_any_case(desk: Desk) {
    for (title, tags) in [
        ("1", json!(["Work"])),
        ("2", json!(["homework"])),
        ("3", json!(["x", "work", "y"])),
        ("4", json!(["work home"])),
        ("5", json!(["ÄRZTE", "Straße"])),
        ("6", json!([])),
    ] {
        desk.create(json!({ "title": title, "tags": tags })).await;
    }

    assert_eq!(desk.titles(json!({ "tag": "WORK" })).await, ["1", "3"]);
    assert_eq!(desk.titles(json!({ "tag": "#work" })).await, ["1", "3"]);
    assert_eq!(desk.titles(json!({ "tag": "wor_" })).await, [""; 0]);
    assert_eq!(desk.titles(json!({ "tag": "ärzte" })).await, ["5"]);
    assert_eq!(desk.titles(json!({ "tag": "STRASSE" })).await, ["5"]);
    assert_eq!(desk.titles(json!({ "tag": "work\nhome" })).await, ["4"]);
}

async fn a_text_is_found_anywhere_in_any_case(desk: Desk) {
    desk.create(json!({ "title": "Die Ärzte", "notes": "Karten", "tags": ["Berlin"] })).await;
    desk.create(json!({ "title": "ΟΔΟΣΑ", "notes": "STRASSE" })).await;

    for found in ["ärzte", "ÄRZ", "karten", "BERLIN", "die ä"] {
        assert_eq!(desk.titles(json!({ "text": found })).await, ["Die Ärzte"], "{found}");
    }
    for found in ["οδος", "straße"] {
        assert_eq!(desk.titles(json!({ "text": found })).await, ["ΟΔΟΣΑ"], "{found}");
    }
    for missing in ["ärzte karten", "Karten\nBerlin", "arzte"] {
        assert_eq!(desk.titles(json!({ "text": missing })).await, [""; 0], "{missing}");
    }
}

async fn wildcards_stand_for_themselves(desk: Desk) {
    for name in ["100%", "100 x", "a_b", "axb", r"c\d", "it's"] {
        desk.create(title(name)).await;
    }

    for (text, found) in [
        ("100%", vec!["100%"]),
        ("a_b", vec!["a_b"]),
        (r"c\d", vec![r"c\d"]),
        (r"\", vec![r"c\d"]),
        ("%", vec!["100%"]),
        ("_", vec!["a_b"]),
        ("'", vec!["it's"]),
    ] {
        assert_eq!(desk.titles(json!({ "text": text })).await, found, "{text}");
    }
}

async fn both_ends_of_a_due_window_count(desk: Desk) {
    for due in ["2026-11-21", "2026-11-21T23:59", "2026-11-22", "2026-11-22T00:00", "2026-11-23"] {
        desk.create(json!({ "title": due, "due": due })).await;
    }
    desk.create(title("never")).await;

    let day = json!({ "due_from": "2026-11-22", "due_to": "2026-11-22" });
    assert_eq!(desk.titles(day).await, ["2026-11-22", "2026-11-22T00:00"]);
    let until = json!({ "due_to": "2026-11-21T10:00" });
    assert_eq!(desk.titles(until).await, ["2026-11-21", "2026-11-21T23:59"]);
    assert_eq!(desk.titles(json!({ "due_from": "2026-11-23" })).await, ["2026-11-23"]);
    let backwards = json!({ "due_from": "2026-11-23", "due_to": "2026-11-21" });
    assert_eq!(desk.titles(backwards).await, [""; 0]);
}

async fn every_order_is_total_with_nothing_last(desk: Desk) {
    let b = desk.id_of(json!({ "title": "b", "due": "2026-11-22T09:00", "priority": "low" })).await;
    desk.create(json!({ "title": "A", "due": "2026-11-22", "priority": "high" })).await;
    desk.create(json!({ "title": "c" })).await;
    desk.create(json!({ "title": "Ä", "due": "2025-01-01" })).await;
    desk.call("update_todo", json!({ "id": b, "notes": "changed" })).await.unwrap();

    for (sort, order, expected) in [
        ("created", "asc", ["b", "A", "c", "Ä"]),
        ("created", "desc", ["Ä", "c", "A", "b"]),
        ("due", "asc", ["Ä", "A", "b", "c"]),
        ("due", "desc", ["b", "A", "Ä", "c"]),
        ("priority", "asc", ["b", "c", "Ä", "A"]),
        ("priority", "desc", ["A", "Ä", "c", "b"]),
        ("title", "asc", ["A", "b", "c", "Ä"]),
        ("updated", "asc", ["A", "c", "Ä", "b"]),
    ] {
        let titles = desk.titles(json!({ "sort": sort, "order": order })).await;
        assert_eq!(titles, expected, "{sort} {order}");
    }
}

/// A server with the alphabet of a language would put `ähre` before `zebra`, and skip the hyphen.
#[tokio::test]
async fn titles_are_in_one_order_whatever_the_language_of_the_server() {
    titles_are_in_one_order(Desk::sqlite().await).await;
    let Some(url) = postgres::database_in_english().await else { return };
    titles_are_in_one_order(Desk::open(&url).await).await;
}

async fn titles_are_in_one_order(desk: Desk) {
    for name in ["ähre", "zebra", "Apfel", "ab", "a-c", "a b", "_x", "Zoo", "1"] {
        desk.create(title(name)).await;
    }

    let expected = ["1", "_x", "a b", "a-c", "ab", "Apfel", "zebra", "Zoo", "ähre"];
    assert_eq!(desk.titles(json!({ "sort": "title" })).await, expected);
}

async fn equals_keep_the_order_of_their_making(desk: Desk) {
    // Notes in the other order, so that nothing but the making can be what is sorted by.
    for notes in ["c", "b", "a"] {
        desk.create(json!({ "title": "same", "notes": notes, "due": "2026-11-22" })).await;
    }

    for sort in ["title", "due", "priority"] {
        let page = desk.call("list_todos", json!({ "sort": sort })).await.unwrap();
        let notes: Vec<_> =
            page["todos"].as_array().unwrap().iter().map(|todo| &todo["notes"]).collect();
        assert_eq!(notes, ["c", "b", "a"], "{sort}");
    }
}

async fn pages_cover_everything_once(desk: Desk) {
    for n in 0..7 {
        desk.create(title(&n.to_string())).await;
    }

    let (mut seen, mut offset) = (Vec::new(), Some(json!(0)));
    while let Some(start) = offset {
        let arguments = json!({ "limit": 3, "offset": start });
        let page = desk.call("list_todos", arguments.clone()).await.unwrap();
        assert_eq!(page["total"], 7);
        seen.extend(desk.titles(arguments).await);
        offset = page.get("next_offset").cloned();
    }

    assert_eq!(seen, ["0", "1", "2", "3", "4", "5", "6"]);
    let beyond = desk.call("list_todos", json!({ "offset": i64::MAX })).await.unwrap();
    assert_eq!(beyond, json!({ "todos": [], "total": 7 }));
}

async fn filters_add_up(desk: Desk) {
    let both = desk.id_of(json!({ "title": "milk", "tags": ["shop"], "due": "2026-11-22" })).await;
    desk.create(json!({ "title": "milk", "tags": ["farm"], "due": "2026-11-22" })).await;
    desk.create(json!({ "title": "eggs", "tags": ["shop"], "due": "2026-11-22" })).await;
    desk.create(json!({ "title": "milk", "tags": ["shop"] })).await;

    let filter = json!({ "status": "open", "tag": "shop", "text": "MILK", "due_to": "2026-12-01" });
    let page = desk.call("list_todos", filter).await.unwrap();

    assert_eq!(page["todos"].as_array().unwrap().len(), 1);
    assert_eq!((&page["todos"][0]["id"], &page["total"]), (&json!(both), &json!(1)));
}

async fn a_blank_filter_filters_nothing(desk: Desk) {
    desk.create(json!({ "title": "a", "tags": ["x"] })).await;
    desk.create(title("b")).await;

    for nothing in [json!(""), json!(" "), Value::Null] {
        for field in ["tag", "text", "due_from", "due_to"] {
            assert_eq!(desk.titles(json!({ field: nothing })).await, ["a", "b"], "{field}");
        }
    }
    let nulls =
        json!({ "status": null, "sort": null, "order": null, "limit": null, "offset": null });
    assert_eq!(desk.titles(nulls).await, ["a", "b"]);
}

async fn numbers_are_read_as_models_write_them(desk: Desk) {
    for n in 0..3 {
        desk.create(title(&n.to_string())).await;
    }

    for (limit, offset) in
        [(json!(1), json!(1)), (json!(1.0), json!(1.0)), (json!("1"), json!("1"))]
    {
        assert_eq!(desk.titles(json!({ "limit": limit, "offset": offset })).await, ["1"]);
    }
}
