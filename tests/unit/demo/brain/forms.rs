//! Questions that are put into a form, where a tool for that is on offer.

use demo::{Call, Conversation, Said, answer};
use serde_json::{Value, json};

use super::harness::{Talk, form_tool, tool, tools, written};

#[test]
fn the_same_titles_are_told_apart() {
    let asked = twins().say("delete milk");

    let labels = ["Milk (done)", "milk (due 1 December 2026, 17:00)", "Milk (number 3)"];
    assert_eq!(
        options(&asked.rounds[1][0].arguments["questions"]),
        [&labels[..], &["Milk (number 4)"]].concat()
    );
}

#[test]
fn options_of_the_same_title_are_answers() {
    for (reply, ids) in [
        ("Milk (done)", &["m1"][..]),
        ("Milk (number 4)", &["m4"]),
        ("milk (due 1 December 2026, 17:00), Milk (number 3)", &["m2", "m3"]),
    ] {
        let mut talk = twins();
        talk.say("delete milk");

        assert_eq!(written(&talk.say(reply)), deletes(ids), "{reply}");
    }
}

#[test]
fn a_name_that_still_fits_several_is_asked_again() {
    let mut talk = twins();
    let first = talk.say("delete milk");

    assert_eq!(written(&talk.say("the milk")), written(&first));
}

#[test]
fn titles_with_commas_are_ticked_one_by_one() {
    let mut talk = listing(&["Milk, eggs", "Milk", "Milk, eggs, tea"]);
    talk.say("delete number 7");

    let heard = talk.say("Milk, eggs, Milk, Milk, eggs, tea");

    assert_eq!(written(&heard), deletes(&["m1", "m2", "m3"]));
}

#[test]
fn what_is_clear_is_done_and_told_before_the_form() {
    let mut talk = listing(&["Oat milk", "Soy milk", "Bread", "Call mum", "Ask mum"]);

    let asked = talk.say("delete bread, milk and mum");

    assert_eq!(
        asked.last.text,
        "Deleted “Bread”.\n\nSeveral todos fit “mum”. Say that once more when this is settled."
    );
    assert_eq!(written(&talk.say("Soy milk")), deletes(&["m2"]));
}

#[test]
fn a_list_that_was_wanted_too_is_shown_before_the_form() {
    let mut talk = listing(&["Oat milk", "Soy milk"]);

    let asked = talk.say("delete milk. show my list");

    assert!(asked.last.text.starts_with("You have 2 open todos:"), "{}", asked.last.text);
    assert_eq!(written(&talk.say("Soy milk")), deletes(&["m2"]));
}

#[test]
fn skipping_is_taken_kindly() {
    let mut talk = listing(&["Oat milk", "Soy milk"]);
    talk.say("delete milk");

    assert_eq!(talk.say("(skipped)").last.text, "All right, I left it as it is.");
}

#[test]
fn whoever_goes_on_after_the_form_hears_the_question() {
    let mut talk = listing(&["Oat milk", "Soy milk"]);
    talk.say("delete milk");

    let told = talk.go_on();

    assert!(told.calls.is_empty());
    assert_eq!(
        told.text,
        "Several todos fit “milk”. Which todo should I delete?\n- Oat milk\n- Soy milk"
    );
}

#[test]
fn another_models_form_is_understood_if_its_options_are_titles() {
    for (options, reply, calls) in [
        (json!(["Soy milk", "oat milk"]), "2", r#"list_todos {"status":"all","limit":100}"#),
        (json!(["Soy milk", "Keep them"]), "1", ""),
        (json!("Soy milk"), "1", ""),
    ] {
        let said = vec![
            Said::User("delete milk".to_owned()),
            calling("list_todos", json!({})),
            result(&json!({"todos": todos(&["Oat milk", "Soy milk"])}).to_string()),
            calling("ask_user", json!({"questions": [{"question": "Which?", "options": options}]})),
            result("The questions are on the person's screen."),
            Said::User(reply.to_owned()),
        ];
        let now = "2026-11-22T05:12:00+01:00[Europe/Berlin]".parse().unwrap();

        let answer = answer(&Conversation { now, said, tools: tools() });

        let made: Vec<String> = answer
            .calls
            .iter()
            .map(|call| format!("{} {}", call.name, json!(call.arguments)))
            .collect();
        assert_eq!(made.join("; "), calls, "{options}");
    }
}

#[test]
fn a_question_in_words_stays_answerable_when_forms_come_later() {
    let mut talk = Talk::new();
    talk.say("delete number 2");
    talk.offer_forms();

    assert_eq!(written(&talk.say("9")), deletes(&["t9"]));
}

#[test]
fn a_form_is_no_tool_to_keep_todos_with() {
    let mut talk = Talk::with(vec![form_tool()], Vec::new());
    let alone = talk.say("add milk");
    let mut talk =
        Talk::with(vec![form_tool(), tool("forecast", json!({}), json!([]))], Vec::new());
    let beside = talk.say("add milk");

    assert!(alone.last.text.contains("I have no tools right now"), "{}", alone.last.text);
    assert!(beside.last.text.contains("do that with: forecast."), "{}", beside.last.text);
}

/// Four todos of one title: one done, one due, two with nothing to tell them apart.
fn twins() -> Talk {
    let mut todos = todos(&["Milk", "milk", "Milk", "Milk"]);
    todos[0]["status"] = json!("done");
    todos[1]["due"] = json!("2026-12-01T17:00");
    asking(todos)
}

fn listing(titles: &[&str]) -> Talk {
    asking(todos(titles))
}

fn asking(todos: Vec<Value>) -> Talk {
    let mut talk = Talk::with(tools(), todos);
    talk.offer_forms();
    talk
}

fn todos(titles: &[&str]) -> Vec<Value> {
    let todo = |(at, title): (usize, &&str)| json!({"id": format!("m{}", at + 1), "title": title, "status": "open", "tags": []});
    titles.iter().enumerate().map(todo).collect()
}

fn options(questions: &Value) -> Vec<&str> {
    questions[0]["options"].as_array().unwrap().iter().filter_map(Value::as_str).collect()
}

fn deletes(ids: &[&str]) -> String {
    let calls: Vec<String> =
        ids.iter().map(|id| format!(r#"delete_todo {{"id":"{id}"}}"#)).collect();
    format!(r#"list_todos {{"status":"all","limit":100}} > {}"#, calls.join("; "))
}

fn calling(name: &str, arguments: Value) -> Said {
    let arguments = arguments.as_object().unwrap().clone();
    let call = Call { id: name.to_owned(), name: name.to_owned(), arguments };
    Said::Assistant { text: String::new(), calls: vec![call] }
}

fn result(output: &str) -> Said {
    let call_id = if output.starts_with('{') { "list_todos" } else { "ask_user" };
    Said::Tool { call_id: call_id.to_owned(), output: output.to_owned() }
}
