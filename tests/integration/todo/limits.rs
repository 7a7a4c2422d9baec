//! What is refused, and in which words.

use super::*;

on_every_database!(
    a_title_has_1_to_200_characters,
    notes_tags_and_searches_have_limits,
    a_due_time_is_read_in_every_usual_form,
    a_due_time_in_a_zone_is_refused_with_what_to_send,
    what_is_no_due_time_is_refused,
    hidden_characters_are_taken_out,
);

async fn a_title_has_1_to_200_characters(desk: Desk) {
    let longest = "ä".repeat(200);
    assert_eq!(desk.create(title(&format!(" {longest} "))).await["title"], longest.as_str());

    for (given, told) in [
        ("", "The title is empty. Give a title of 1 to 200 characters."),
        (" \u{200B}\u{3164}", "The title is empty. Give a title of 1 to 200 characters."),
        (" \n\u{0}\t", "The title is empty. Give a title of 1 to 200 characters."),
        (&"ä".repeat(201), "The title is longer than 200 characters. Shorten it."),
    ] {
        assert_eq!(desk.call("create_todo", title(given)).await.unwrap_err(), told);
    }
    assert_eq!(desk.call("list_todos", json!({})).await.unwrap()["total"], 1);
}

async fn notes_tags_and_searches_have_limits(desk: Desk) {
    let tags = |count: usize| (0..count).map(|n| format!("t{n}")).collect::<Vec<_>>();
    let fitting = json!({ "title": "x", "notes": "n".repeat(4_000), "tags": tags(20) });
    let id = desk.id_of(fitting).await;

    for (field, value, told) in [
        (
            "notes",
            json!("n".repeat(4_001)),
            "The notes is longer than 4000 characters. Shorten it.",
        ),
        ("tags", json!(tags(21)), "There are more than 20 tags. Give fewer."),
        ("tags", json!(["t".repeat(51)]), "The tag is longer than 50 characters. Shorten it."),
    ] {
        let refused = desk.call("create_todo", json!({ "title": "x", field: value })).await;
        assert_eq!(refused.unwrap_err(), told);
        let refused = desk.call("update_todo", json!({ "id": id, field: value })).await;
        assert_eq!(refused.unwrap_err(), told);
    }
    for (arguments, told) in [
        (json!({ "text": "x".repeat(201) }), "The text is longer than 200 characters. Shorten it."),
        (json!({ "tag": "x".repeat(51) }), "The tag is longer than 50 characters. Shorten it."),
        (json!({ "limit": 0 }), "The limit must be from 1 to 100."),
        (json!({ "limit": 101 }), "The limit must be from 1 to 100."),
        (json!({ "offset": -1 }), "The offset must not be negative."),
        (json!({ "due_from": "soon" }), "The due_from is not a day. Use 2026-11-22."),
        (json!({ "due_to": "2026-13-01" }), "The due_to is not a day. Use 2026-11-22."),
    ] {
        assert_eq!(desk.call("list_todos", arguments).await.unwrap_err(), told);
    }
}

async fn a_due_time_is_read_in_every_usual_form(desk: Desk) {
    for (given, kept) in [
        ("2026-11-22", "2026-11-22"),
        (" 2026-11-22 ", "2026-11-22"),
        ("2028-02-29", "2028-02-29"),
        ("2026-11-22T17:00", "2026-11-22T17:00"),
        ("2026-11-22 17:00", "2026-11-22T17:00"),
        ("2026-11-22T17:00:59", "2026-11-22T17:00"),
        ("2026-11-22T17:00:00.123", "2026-11-22T17:00"),
    ] {
        let made = desk.create(json!({ "title": "x", "due": given })).await;
        assert_eq!(made["due"], kept, "{given}");
    }
}

async fn a_due_time_in_a_zone_is_refused_with_what_to_send(desk: Desk) {
    let id = desk.id_of(title("x")).await;
    let told = "The due has an offset or a zone. Send the person's local time without it, as in \
        2026-11-22T17:00.";
    for given in [
        "2026-11-22T17:00Z",
        "2026-11-22t17:00:00z",
        "2026-11-22T17:00:00+05:30",
        "2026-11-22 17:00-08:00",
        "2026-11-22T17:00:00.123+00:00",
        "2026-11-22T17:00:00+01:00[Europe/Berlin]",
        "2026-11-22T17:00[Europe/Berlin]",
    ] {
        let made = desk.call("create_todo", json!({ "title": "x", "due": given })).await;
        assert_eq!(made.unwrap_err(), told, "{given}");
        let moved = desk.call("update_todo", json!({ "id": id, "due": given })).await;
        assert_eq!(moved.unwrap_err(), told, "{given}");
    }
}

async fn what_is_no_due_time_is_refused(desk: Desk) {
    let told = "The due is not a date. Use 2026-11-22, or 2026-11-22T17:00 for a time of day.";
    for given in [
        "tomorrow",
        "2026-02-30",
        "2027-02-29",
        "22.11.2026",
        "2026-11-22T",
        "2026-11-22T25:00",
        "2026-11-22T17:60",
        "2026-11-22Z",
        "2026-11-22+01:00",
        "-002026-11-22",
        "+12026-11-22",
        "17:00",
        "２０２６-11-22",
        "2026-11-2ä",
    ] {
        let refused = desk.call("create_todo", json!({ "title": "x", "due": given })).await;
        assert_eq!(refused.unwrap_err(), told, "{given}");
    }
}

async fn hidden_characters_are_taken_out(desk: Desk) {
    let hidden = "a\u{0}b\u{202E}c\u{E0041}d\u{1B}\u{9B}\u{E0100}\u{3164}e\u{200B}";
    let given = json!({ "title": hidden, "notes": hidden, "tags": [hidden] });

    let made = desk.create(given).await;

    assert_eq!((&made["title"], &made["notes"]), (&json!("abcde"), &json!("abcde")));
    assert_eq!(made["tags"], json!(["abcde"]));
}

#[tokio::test]
async fn arguments_of_another_shape_are_refused_in_plain_words() {
    let desk = Desk::open("memory").await;

    for (tool, arguments, told) in [
        (
            "create_todo",
            json!({ "title": "x", "due_date": "2026-11-22" }),
            "unknown field `due_date`, expected one of `title`, `notes`, `priority`, `due`, `tags`",
        ),
        ("create_todo", json!({}), "missing field `title`"),
        ("create_todo", json!({ "title": 5 }), "invalid type: integer `5`, expected a string"),
        (
            "create_todo",
            json!({ "title": "x", "priority": "urgent" }),
            "unknown variant `urgent`, expected one of `low`, `normal`, `high`",
        ),
        ("list_todos", json!({ "limit": "ten" }), "limit, offset and change must be whole numbers"),
        ("list_todos", json!({ "offset": 1.5 }), "limit, offset and change must be whole numbers"),
        ("list_todos", json!({ "limit": [] }), "limit, offset and change must be whole numbers"),
        (
            "get_todo",
            json!({ "id": "t1", "verbose": true }),
            "unknown field `verbose`, expected `id`",
        ),
    ] {
        let told = format!("The arguments do not fit: {told}. Correct them and call again.");
        assert_eq!(desk.call(tool, arguments).await.unwrap_err(), told);
    }
    let refused = desk.call("create_todo", json!({ "x".repeat(1_000_000): 1 })).await.unwrap_err();
    assert!(refused.len() < 500);
}

#[tokio::test]
async fn ten_thousand_todos_are_enough() {
    let desk = Desk::sqlite().await;
    let pool = sqlx::AnyPool::connect(&desk.url).await.unwrap();
    let fill = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 9999) \
        INSERT INTO todos SELECT 't' || i, 'x', 'x', NULL, 'open', 1, NULL, NULL, '[]', 'x', '', i, i, NULL, \
        'anyone', NULL FROM n";
    sqlx::query(fill).execute(&pool).await.unwrap();

    let last = desk.call("create_todo", title("last")).await;
    let refused = desk.call("create_todo", title("one too many")).await;

    assert!(last.is_ok());
    let told = "There are 10000 todos, and no more fit. Delete some first.";
    assert_eq!(refused.unwrap_err(), told);
    let end = desk.call("list_todos", json!({ "offset": 9_950 })).await.unwrap();
    assert_eq!((&end["total"], end.get("next_offset")), (&json!(10_000), None));
}
