//! What of a transcript the model is sent.

use orchestrator::chat::for_model;
use orchestrator::domain::{Assistant, Message, ToolResult};
use serde_json::json;

use crate::support::doubles::tool_calls;

#[test]
fn half_a_turn_at_the_front_is_left_out() {
    let sent = for_model(vec![said("the end of something"), user("hi"), said("hello")], 25_000);

    assert_eq!(sent, [user("hi"), said("hello")]);
}

#[test]
fn a_call_that_was_never_answered_is_answered_as_unknown() {
    let calls = tool_calls(&[("add", json!({})), ("add", json!({ "n": 2 }))]);
    let called = Message::Assistant(Assistant { calls, ..Assistant::default() });

    let sent = for_model(vec![user("hi"), called.clone(), user("hello?")], 25_000);

    let [_, _, Message::Tools { results }, Message::Note { .. }, _] = sent.as_slice() else {
        panic!("{sent:?}")
    };
    assert_eq!(results.len(), 2);
    assert!(results.iter().all(|ToolResult { is_error, output, .. }| {
        *is_error && output.contains("check first")
    }));
}

#[test]
fn of_an_earlier_turn_without_an_end_the_model_is_told_so() {
    let asked = tool_calls(&[("ask_user", json!({}))]);
    let asked = Message::Assistant(Assistant { calls: asked, ..Assistant::default() });
    let stopped = Message::Note { text: "The user stopped it.".to_owned() };
    let ends: [&[Message]; 3] = [&[said("hello")], &[asked, results("asked")], &[stopped]];
    let breaks: [&[Message]; 3] = [&[], &[called(), results("ok")], &[called()]];

    for (turns, is_noted) in [(ends, false), (breaks, true)] {
        for turn in turns {
            let sent = for_model([&[user("hi")], turn, &[user("next")]].concat(), 25_000);

            let [.., before, last] = sent.as_slice() else { panic!("{sent:?}") };
            let Message::Note { text } = before else {
                assert!(!is_noted, "{sent:?}");
                continue;
            };
            assert_eq!(text.contains("it broke off"), is_noted, "{sent:?}");
            assert_eq!(*last, user("next"));
        }
    }
}

#[test]
fn calls_at_the_end_are_left_open() {
    let sent = for_model(vec![user("hi"), called(), user("again"), called()], 25_000);

    let [_, _, Message::Tools { .. }, Message::Note { .. }, _, last] = sent.as_slice() else {
        panic!("{sent:?}")
    };
    assert_eq!(*last, called());
}

#[test]
fn old_turns_are_left_out_whole_and_the_newest_never() {
    let long = "x".repeat(100_000);

    let sent =
        for_model(vec![user("old"), said(&long), user("new"), said(&long), user(&long)], 25_000);

    assert_eq!(sent, [user(&long)]);
}

#[test]
fn results_are_shortened_before_a_turn_is_left_out() {
    let long = "x".repeat(50_000);

    let turn = |n: u32| [user(&n.to_string()), called(), results(&long), said("done")];
    let sent = for_model((1..=4).flat_map(turn).collect(), 25_000);

    let [user_1, _, Message::Tools { results }, ..] = sent.as_slice() else { panic!("{sent:?}") };
    assert_eq!((user_1, sent.len()), (&user("1"), 16));
    assert!(results[0].output.len() < 500, "{}", results[0].output.len());
    let Message::Tools { results } = &sent[14] else { panic!("{:?}", sent[14]) };
    assert_eq!(results[0].output, long);
}

fn called() -> Message {
    let calls = tool_calls(&[("add", json!({}))]);
    Message::Assistant(Assistant { calls, ..Assistant::default() })
}

fn results(output: &str) -> Message {
    let call = tool_calls(&[("add", json!({}))]).remove(0);
    let (id, name, output) = (call.id, call.name, output.to_owned());
    Message::Tools { results: vec![ToolResult { id, name, output, is_error: false, origin: None }] }
}

fn user(text: &str) -> Message {
    Message::User { text: text.to_owned() }
}

fn said(text: &str) -> Message {
    Message::Assistant(Assistant { text: text.to_owned(), ..Assistant::default() })
}
