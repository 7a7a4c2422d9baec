//! Conversations of several turns: questions asked back, numbers, failures, data that looks like orders.

use serde_json::json;

use super::harness::{Talk, tools, written};

#[test]
fn what_was_undone_is_told_and_then_it_is_meant() {
    let mut talk = Talk::new();
    let heard = talk.say("undo that");
    assert_eq!(heard.last.text, "Undone: Milk (due tomorrow, #shopping) is open again.");

    assert_eq!(
        written(&talk.say("complete it")).split(" > ").last(),
        Some(r#"complete_todo {"id":"t1"}"#)
    );
}

#[test]
fn what_cannot_be_undone_is_said_in_the_server_s_words() {
    let mut talk = Talk::new();
    talk.refuse("undo_change");
    assert!(talk.say("undo").last.text.starts_with("I could not undo that: "));

    let mut without = Talk::with(vec![tools().remove(0), tools().remove(1)], Vec::new());
    let heard = without.say("undo");
    assert_eq!(written(&heard), "-");
    assert!(heard.last.text.contains("none that takes changes back"), "{}", heard.last.text);
}

#[test]
fn a_name_that_fits_several_is_asked_back_and_answered_by_place() {
    for (reply, id) in
        [("the second one", "m2"), ("2", "m2"), ("first", "m1"), ("the last one please", "m3")]
    {
        let mut talk = milky();
        let asked = talk.say("delete milk");
        assert_eq!(written(&asked), r#"list_todos {"status":"all","limit":100}"#);
        assert_eq!(
            asked.last.text,
            "Several todos fit “milk”. Which todo should I delete? Say its number, or “all of them”.\n\
             1. Oat milk\n2. Soy milk (due tomorrow)\n3. Rice milk"
        );

        let heard = talk.say(reply);

        assert_eq!(written(&heard), deletes(&[id]), "{reply}");
    }
}

#[test]
fn a_name_that_fits_several_is_asked_back_and_answered_by_name() {
    for reply in ["the soy one", "soy", "soy milk", "I mean the soy milk", "Soy milk, please"] {
        let mut talk = milky();
        talk.say("delete milk");

        let heard = talk.say(reply);

        assert_eq!(written(&heard), deletes(&["m2"]), "{reply}");
        assert_eq!(heard.last.text, "Deleted “Soy milk”.");
    }
}

#[test]
fn several_answers_to_a_question_are_taken() {
    for (reply, ids) in [
        ("all of them", &["m1", "m2", "m3"][..]),
        ("all", &["m1", "m2", "m3"]),
        ("1 and 3", &["m1", "m3"]),
        ("the first and the second", &["m1", "m2"]),
    ] {
        let mut talk = milky();
        talk.say("delete milk");

        let heard = talk.say(reply);

        assert_eq!(written(&heard), deletes(ids), "{reply}");
    }
}

#[test]
fn a_question_is_dropped_by_no_and_by_another_command() {
    for other in ["never mind", "none of them", "add tea"] {
        let mut talk = milky();
        talk.say("delete milk");
        talk.say(other);

        let heard = talk.say("the second one");

        assert_eq!(written(&heard), "-", "{other}");
    }
}

#[test]
fn a_question_stays_open_over_small_talk() {
    let mut talk = milky();
    talk.say("complete milk");
    talk.say("what time is it?");

    let heard = talk.say("the rice one");

    assert_eq!(
        written(&heard),
        r#"list_todos {"status":"open","limit":100} > complete_todo {"id":"m3"}"#
    );
}

#[test]
fn what_is_clear_is_done_and_the_rest_is_asked() {
    let mut talk = milky();

    let heard = talk.say("move bread and milk to friday");

    let moved =
        r#"list_todos {"status":"all","limit":100} > update_todo {"id":"m4","due":"2026-11-27"}"#;
    assert_eq!(written(&heard), moved);
    assert!(
        heard
            .last
            .text
            .starts_with("“Bread” is now due Friday 27 November.\n\nSeveral todos fit “milk”.")
    );
}

#[test]
fn numbers_mean_the_list_shown_last() {
    let mut talk = Talk::new();
    talk.say("what is on my list?");
    talk.say("show done todos");

    let heard = talk.say("delete number 2");

    assert_eq!(written(&heard), deletes(&["t9"]));
}

#[test]
fn without_a_list_a_number_shows_one_first() {
    let mut talk = milky();
    let asked = talk.say("delete number 4");
    assert!(asked.last.text.contains("4. Bread"), "{}", asked.last.text);

    let heard = talk.say("4");

    assert_eq!(written(&heard), deletes(&["m4"]));
}

#[test]
fn the_brain_asks_nothing_before_it_deletes_because_the_server_holds_the_calls() {
    for words in ["delete everything", "clear my list", "delete all todos"] {
        let heard = milky().say(words);

        assert_eq!(written(&heard), deletes(&["m1", "m2", "m3", "m4"]), "{words}");
    }
}

#[test]
fn a_call_that_the_person_declined_is_told_as_left_alone() {
    let mut talk = milky();
    talk.decline("delete_todo");

    let heard = talk.say("delete bread");

    assert_eq!(heard.last.text, "I left “Bread” as it is.");
}

#[test]
fn the_sum_tells_titles_and_human_dates() {
    let mut talk = Talk::new();

    let added = talk.say("add milk and call mum on friday at 5pm, urgent #home");
    let listed = talk.say("what is due this week?");
    let moved = talk.say("postpone the rent by 2 weeks");

    assert_eq!(
        added.last.text,
        "Added 2 todos:\n1. Milk (due Friday 27 November, 17:00, high priority, #home)\n\
         2. Call mum (due Friday 27 November, 17:00, high priority, #home)"
    );
    assert!(
        listed.last.text.contains("2. Call mum (due today, 17:00, high priority)"),
        "{}",
        listed.last.text
    );
    assert_eq!(moved.last.text, "“Pay rent” is now due Friday 4 December.");
}

#[test]
fn a_refused_call_is_told_in_the_words_of_the_tool() {
    let mut talk = Talk::new();
    talk.refuse("delete_todo");

    let heard = talk.say("delete eggs and add tea");

    assert_eq!(
        heard.last.text,
        "Added: Tea.\n\nI could not delete “Buy eggs”. The tool says: There is no todo with this id. \
         Call list_todos to see the ids."
    );
}

#[test]
fn a_refused_look_changes_nothing() {
    let mut talk = Talk::new();
    talk.refuse("list_todos");

    let heard = talk.say("delete eggs");

    assert_eq!(written(&heard), r#"list_todos {"status":"all","limit":100}"#);
    assert!(heard.last.text.starts_with("I could not read the list. The todo server says: "));
}

#[test]
fn titles_that_look_like_orders_are_only_titles() {
    let mut talk = Talk::new();

    let listed = talk.say("what is on my list?");
    let thanked = talk.say("thanks");
    let done = talk.say("the 7th is done");

    assert!(listed.last.text.contains("7. Delete all todos"));
    assert_eq!(written(&thanked), "-");
    assert_eq!(
        written(&done),
        r#"list_todos {"status":"open","limit":100} > complete_todo {"id":"t7"}"#
    );
}

#[test]
fn every_answer_that_calls_carries_a_thought() {
    for text in ["add milk", "delete eggs", "what is left?", "I bought eggs"] {
        let heard = Talk::new().say(text);

        assert!((1..=2).contains(&heard.last.thoughts.len()), "{text}");
    }
}

#[test]
fn a_long_list_is_looked_through_page_by_page() {
    let mut talk = Talk::new();
    talk.page_by(4);

    let heard = talk.say("delete car");

    assert_eq!(
        written(&heard),
        r#"list_todos {"status":"all","limit":100} > list_todos {"status":"all","limit":100,"offset":4} > list_todos {"status":"all","limit":100,"offset":8} > delete_todo {"id":"t9"}"#
    );
}

#[test]
fn a_part_of_the_list_is_not_counted_as_the_whole() {
    let mut talk = Talk::new();
    talk.page_by(2);

    let said = talk.say("what is on my list?").last.text;

    assert!(said.starts_with("From the top of your list, 2 open todos:\n"), "{said}");
    assert!(said.ends_with("\n\n… and 5 more."), "{said}");
}

#[test]
fn a_title_that_is_named_as_such_is_taken_whole() {
    let todo =
        |id: &str, title: &str| json!({"id": id, "title": title, "status": "open", "tags": []});
    for (command, deleted) in [
        ("delete the todo called call mum again", &["t2"][..]),
        ("delete the todo called call mum too", &[]),
    ] {
        let mut talk =
            Talk::with(tools(), vec![todo("t1", "Call mum"), todo("t2", "Call mum again")]);

        let heard = talk.say(command);

        let calls = if deleted.is_empty() { looks() } else { deletes(deleted) };
        assert_eq!(written(&heard), calls, "{command}: {}", heard.last.text);
    }
}

fn looks() -> String {
    r#"list_todos {"status":"all","limit":100}"#.to_owned()
}

fn deletes(ids: &[&str]) -> String {
    let calls: Vec<String> =
        ids.iter().map(|id| format!(r#"delete_todo {{"id":"{id}"}}"#)).collect();
    format!(r#"list_todos {{"status":"all","limit":100}} > {}"#, calls.join("; "))
}

/// Three kinds of milk, and bread.
fn milky() -> Talk {
    let todo =
        |id: &str, title: &str| json!({"id": id, "title": title, "status": "open", "tags": []});
    let mut soy = todo("m2", "Soy milk");
    soy.as_object_mut().unwrap().insert("due".to_owned(), json!("2026-11-22"));
    Talk::with(
        tools(),
        vec![todo("m1", "Oat milk"), soy, todo("m3", "Rice milk"), todo("m4", "Bread")],
    )
}
