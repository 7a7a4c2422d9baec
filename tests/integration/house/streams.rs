//! Streams: what a front end hears, from the first event to the one honest end.

use orchestrator::agents::{Delta, ModelError};
use serde_json::{Value, json};

use crate::support::app::{Choices, TestApp, add, type_of};
use crate::support::doubles::{
    Act, FakeTools, ScriptedModel, calls, fails, reply, says, tool_calls,
};

#[tokio::test]
async fn a_plain_answer_has_the_order_of_the_reference() {
    let app = TestApp::scripted([says("Hello there, you")]).await;

    let answer = app.create("hi").await;

    assert_eq!(answer.headers["content-type"], "text/event-stream");
    assert_eq!(answer.headers["cache-control"], "no-cache");
    assert_eq!(answer.headers["x-accel-buffering"], "no");
    let expected = [
        "thread.created",
        "done user_message",
        "stream_options",
        "added assistant_message",
        "added",
        "text_delta",
        "done assistant_message",
    ];
    assert_eq!(answer.types(), expected);
    let events = answer.events();
    let [_, _, _, titled, .., done] = events.as_slice() else { panic!("{events:?}") };
    assert_eq!(done["item"]["content"][0]["text"], "Hello there, you");
    assert_eq!(
        (&titled["type"], &titled["thread"]["title"]),
        (&json!("thread.updated"), &json!("Hi"))
    );
}

#[tokio::test]
async fn a_tool_turn_shows_each_call_going_from_loading_to_complete() {
    let two = calls(&[("add", json!({ "title": "milk" })), ("read_a", json!({}))]);
    let app = TestApp::scripted([two, says("Done.")]).await;

    let answer = app.create("add milk").await;

    let tasks: Vec<_> = answer.events().iter().filter_map(shown_task).collect();
    let expected = [
        "Adding milk loading",
        "Adding milk complete",
        "Looking up a loading",
        "Looking up a complete",
    ];
    assert_eq!(tasks, expected);
    let done = answer.events().into_iter().find(|event| type_of(event) == "done workflow").unwrap();
    assert!(done["item"]["workflow"]["summary"]["duration"].is_u64());
}

#[tokio::test]
async fn steps_of_two_replies_that_number_their_calls_alike_are_told_apart() {
    let round = |tool: &str| calls(&[(tool, json!({}))]);
    let app = TestApp::scripted([round("add"), round("read_broken"), says("Done.")]).await;

    let answer = app.create("go").await;

    let done = answer.events().into_iter().find(|event| type_of(event) == "done workflow").unwrap();
    let tasks = done["item"]["workflow"]["tasks"].as_array().unwrap();
    let ended: Vec<_> = tasks.iter().map(|task| task["status_indicator"].as_str()).collect();
    assert_eq!(ended, [Some("complete"), Some("none")]);
}

#[tokio::test]
async fn what_the_model_says_is_cleaned_wherever_it_is_shown() {
    let hidden = "\u{202E}\u{E0041}\u{7}\u{0}";
    let words = |text: &str| format!("{text}{hidden}");
    let call =
        tool_calls(&[(&words("frob"), json!({})), ("add", json!({ "title": words("milk") }))]);
    let said = vec![Delta::Thought(words("Hm")), Delta::Text(words("Yes"))];
    let first = Act::Say(said, Ok(reply(&words("Yes"), call)));
    let app = TestApp::scripted([first, says("Done.")]).await;

    let answer = app.create("go").await;

    let shown = answer.events().iter().map(Value::to_string).collect::<String>();
    assert!(shown.contains("Adding milk") && shown.contains("frob"), "{shown}");
    for hidden in hidden.chars() {
        assert!(!shown.contains(hidden), "{hidden:?}");
    }
    assert!(!shown.contains("\\u0007") && !shown.contains("\\u0000"), "{shown}");
}

#[tokio::test]
async fn no_link_and_no_image_is_left_to_render_wherever_words_are_shown() {
    let image = "![x](https://evil.example/i.png?q=milk)";
    let pieces = ["See ![x](ht", "tps:/", "/evil.example/i.png?q=milk)"];
    let pieces = pieces.map(|piece| Delta::Text(piece.to_owned()));
    let said = [vec![Delta::Thought(image.to_owned())], pieces.into()].concat();
    let call = tool_calls(&[("add", json!({ "title": image }))]);
    let first = Act::Say(said, Ok(reply(&format!("See {image}"), call)));
    let asks =
        calls(&[("ask_user", json!({ "questions": [{ "question": image, "options": [image] }] }))]);
    let app = TestApp::scripted([first, says(image), asks, says(image)]).await;

    let answer = app.create("go").await;
    let asked = app.create("go").await;
    let short = app.ask(&json!({ "message": "go" })).await;
    let params = json!({ "thread_id": answer.thread_id() });
    let listed = app.post("/chatkit", &json!({ "type": "items.list", "params": params })).await;

    let shown = "![x] (https: //evil.example/i.png?q=milk)";
    for answer in [&answer, &asked, &short, &listed] {
        assert!(answer.text.contains(shown), "{}", answer.text);
        assert!(!answer.text.contains("](") && !answer.text.contains("://"), "{}", answer.text);
    }
    // The thought, the step, and both messages.
    assert_eq!(listed.text.matches(shown).count(), 4, "{}", listed.text);
}

#[tokio::test]
async fn thoughts_are_shown_before_the_answer_and_close_with_their_duration() {
    let pieces = ["Hm. ", "Well."].map(|text| Delta::Thought(text.to_owned()));
    let end = Delta::Text("Yes.".to_owned());
    let act = Act::Say([&pieces[..], &[end]].concat(), Ok(reply("Yes.", Vec::new())));
    let app = TestApp::scripted([act]).await;

    let answer = app.create("think").await;

    let done = answer.events().into_iter().find(|event| type_of(event) == "done workflow").unwrap();
    let workflow = &done["item"]["workflow"];
    assert_eq!(workflow["type"], "reasoning");
    assert_eq!(workflow["tasks"][0]["content"], "Hm. Well.");
    let types = answer.types();
    let place = |kind: &str| types.iter().position(|other| other == kind).unwrap();
    assert!(place("done workflow") < place("added assistant_message"));
}

#[tokio::test]
async fn every_failure_is_one_error_event_and_the_last() {
    let errors = [
        (ModelError::Empty, true),
        (ModelError::Malformed, true),
        (ModelError::Truncated, true),
        (ModelError::TooLong, false),
        (ModelError::Blocked("safety".into()), false),
        (ModelError::TimedOut("no answer"), true),
        (ModelError::Unavailable { reason: "open".into(), retry_in: None }, true),
        (ModelError::Misconfigured, true),
        (ModelError::Failed("?".into()), true),
    ];
    for (error, retry) in errors {
        let app = TestApp::scripted([fails(error.clone())]).await;

        let events = app.create("hi").await.events();

        let failed: Vec<_> = events.iter().filter(|event| event["type"] == "error").collect();
        assert_eq!(failed.len(), 1, "{error:?}");
        assert_eq!(events.last(), Some(failed[0]));
        assert_eq!(failed[0]["code"], "custom");
        assert_eq!(failed[0]["allow_retry"], json!(retry), "{error:?}");
    }
}

#[tokio::test]
async fn text_before_a_failure_is_closed_marked_as_cut_and_stored_so() {
    let half = Act::Say(vec![Delta::Text("Half an ans".to_owned())], Err(ModelError::Truncated));
    let app = TestApp::scripted([half, says("Whole.")]).await;

    let answer = app.create("hi").await;
    let listed = app.post("/chatkit", &items(&answer.thread_id())).await.json();

    let types = answer.types();
    assert_eq!(types[types.len() - 2..], ["done assistant_message", "error"]);
    let events = answer.events();
    let done = &events[events.len() - 2]["item"];
    assert_eq!(done["content"][0]["text"], "Half an ans\n\n*[cut off here]*");
    let streamed: String =
        events.iter().filter_map(|event| event["update"]["delta"].as_str()).collect();
    assert_eq!(done["content"][0]["text"], streamed);
    assert_eq!(&listed["data"][0], done);
}

#[tokio::test]
async fn the_next_turn_knows_what_was_said_called_and_cut() {
    let half = Act::Say(vec![Delta::Text("Half".to_owned())], Err(ModelError::Truncated));
    let model = ScriptedModel::new([
        calls(&[("add", json!({ "title": "milk" }))]),
        says("Added."),
        half,
        says("Again."),
    ]);
    let choices = Choices { model: model.clone(), ..Default::default() };
    let app = TestApp::new(choices).await;

    let thread = app.create("add milk").await.thread_id();
    app.post("/chatkit", &add(&thread, "and?")).await;
    app.post("/chatkit", &add(&thread, "once more")).await;

    let last = model.asked().pop().unwrap();
    let roles: Vec<_> = last.messages.iter().map(|message| role(&json!(message))).collect();
    let expected = ["user", "assistant", "tools", "assistant", "user", "assistant", "note", "user"];
    assert_eq!(roles, expected);
    assert!(last.system.contains("It is now "));
    assert_eq!(last.tools, ["read_a", "add", "ask_user"]);
}

#[tokio::test]
async fn at_the_step_limit_the_turn_ends_as_stopped_and_lists_what_was_done() {
    let rounds = (0..8).map(|n| calls(&[("add", json!({ "n": n }))]));
    let app = TestApp::scripted(rounds).await;

    let event = app.create("go on").await.events().pop().unwrap();

    let message = event["message"].as_str().unwrap();
    assert!(message.contains("8 steps") && message.contains("add ×8"), "{message}");
}

#[tokio::test]
async fn what_was_streamed_is_what_is_listed() {
    let app = TestApp::scripted([calls(&[("read_a", json!({}))]), says("All good.")]).await;

    let answer = app.create("hi").await;
    let listed = app.post("/chatkit", &items(&answer.thread_id())).await.json();

    let done = answer.events().into_iter().filter(|event| event["type"] == "thread.item.done");
    let mut done: Vec<_> = done.map(|event| event["item"].clone()).collect();
    done.reverse();
    assert_eq!(listed["data"], Value::Array(done));
    assert_eq!(listed["has_more"], json!(false));
}

#[tokio::test]
async fn quoted_text_and_mentions_are_kept_and_reach_the_model() {
    let model = ScriptedModel::of_choices(&["fast"], [says("Ok.")]);
    let choices = Choices { model: model.clone(), ..Default::default() };
    let app = TestApp::new(choices).await;
    let content = json!([
        { "type": "input_text", "text": "look at " },
        { "type": "input_tag", "id": "d1", "text": "Doc\u{202E} 1", "data": { "n": null } },
    ]);
    let input = json!({
        "content": content, "attachments": [], "quoted_text": "old words",
        "inference_options": { "model": "fast", "tool_choice": null }, "unknown": 1,
    });
    let body = json!({ "type": "threads.create", "params": { "input": input } });

    let events = app.post("/chatkit", &body).await.events();

    let item = &events[1]["item"];
    assert_eq!(item["content"][1]["text"], "Doc 1");
    assert_eq!(item["content"][1]["data"], json!({ "n": null }));
    assert_eq!(item["inference_options"], json!({ "model": "fast" }));
    let asked = json!(model.asked()[0].messages[0]).to_string();
    assert!(asked.contains("old words") && asked.contains("look at Doc 1"), "{asked}");
}

fn shown_task(event: &Value) -> Option<String> {
    let of_item = || event.get("item").filter(|_| event["type"] == "thread.item.added");
    let task = event["update"].get("task").or_else(|| of_item()?["workflow"]["tasks"].get(0))?;
    Some(format!("{} {}", task["title"].as_str()?, task["status_indicator"].as_str()?))
}

fn role(message: &Value) -> String {
    message["role"].as_str().unwrap().to_owned()
}

fn items(thread: &str) -> Value {
    json!({ "type": "items.list", "params": { "thread_id": thread } })
}

#[tokio::test]
async fn what_a_tool_says_of_its_progress_shows_in_its_step_until_it_is_done() {
    let model = ScriptedModel::new([calls(&[("read_slow", json!({}))]), says("Read.")]);
    let tools = FakeTools::new(&["read_slow"]);
    let app = TestApp::new(Choices { model, tools, ..Choices::default() }).await;

    let answer = app.create("read it").await;

    let events = answer.events();
    let updates = events.iter().filter(|it| it["update"]["type"] == "workflow.task.updated");
    let steps: Vec<_> = updates
        .map(|it| {
            let task = &it["update"]["task"];
            (task["status_indicator"].as_str().unwrap(), task["content"].as_str())
        })
        .collect();
    assert_eq!(steps, [("loading", Some("half way")), ("complete", None)]);
}

#[tokio::test]
async fn what_joins_characters_survives_wherever_the_model_s_words_are_cut() {
    let said = "می\u{200C}خواهم 👩\u{200D}💻 ❤\u{FE0F} and \u{202E}no\u{E0041} more";
    let pieces = said.chars().map(|one| Delta::Text(one.to_string())).collect();
    let app = TestApp::scripted([Act::Say(pieces, Ok(reply(said, Vec::new())))]).await;

    let answer = app.create("go").await;

    let done = answer.events().into_iter().rfind(|event| event["type"] == "thread.item.done");
    let text = &done.unwrap()["item"]["content"][0]["text"];
    assert_eq!(text, "می\u{200C}خواهم 👩\u{200D}💻 ❤\u{FE0F} and no more");
}
