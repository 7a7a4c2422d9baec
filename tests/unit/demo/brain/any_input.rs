//! Whatever is said, answered or declared: the brain keeps its head.

use demo::{Call, Conversation, Said, ToolSpec, answer};
use jiff::Zoned;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::harness::{form_tool, tools};

const WORDS: &[&str] = &[
    "add",
    "delete",
    "milk",
    "and",
    ",",
    "tomorrow",
    "at",
    "5pm",
    "all",
    "everything",
    "except",
    "the",
    "second",
    "one",
    "\"",
    "'",
    "!!",
    "#home",
    "on",
    "3",
    "december",
    "31",
    "february",
    "in",
    "99999",
    "years",
    "move",
    "to",
    "by",
    "rename",
    "is",
    "done",
    "?",
    ":",
    "next",
    "week",
    "end",
    "of",
    "month",
    "mark",
    "as",
    "9999-12-31",
    "remind",
    "me",
    "todos",
    "not",
    "\n",
    "what",
    "list",
    "add:",
    "2",
    "postpone",
    "it",
    "them",
    "yes",
    "don't",
];

#[test]
fn long_messages_are_refused_and_not_pondered() {
    for piece in [
        "call a, ",
        "milk and ",
        "tomorrow ",
        "#a ",
        ",",
        "\"",
        "\"a\"",
        "a:b,",
        "!? ",
        "\n- ",
        "a;",
    ] {
        let text = format!("add call {}", piece.repeat(5_000 / piece.len()));

        let answered = answer(&conversation(&[], &[], tools(), &text));

        assert!(answered.calls.is_empty(), "{piece}");
    }
}

proptest! {
    #[test]
    fn no_message_is_too_strange(texts in prop::collection::vec(message(), 1..4), outputs in prop::collection::vec(output(), 0..6)) {
        let all = tools().into_iter().chain([form_tool()]).collect();
        let answered = answer(&conversation(&texts, &outputs, all, &texts.concat()));

        prop_assert!(!answered.text.is_empty() || !answered.calls.is_empty());
    }

    #[test]
    fn no_schema_is_too_strange(name in "[a-z_]{0,12}|(add|list|update|delete|complete)_todo", schema in schema(), text in message(), output in output()) {
        let tool = ToolSpec { name, description: String::new(), parameters: schema };
        let answered = answer(&conversation(std::slice::from_ref(&text), &[output], vec![tool], &text));

        prop_assert!(!answered.text.is_empty() || !answered.calls.is_empty());
    }

    #[test]
    fn no_form_is_too_strange(arguments in json_value(), first in message(), reply in message(), output in output()) {
        let mut talk = conversation(&[first], &[output], tools(), &reply);
        let arguments = Map::from_iter([("questions".to_owned(), arguments)]);
        let call = Call { id: "f".to_owned(), name: "ask_user".to_owned(), arguments };
        let form = Said::Assistant { text: String::new(), calls: vec![call] };
        talk.said.insert(talk.said.len() - 1, form.clone());
        let answered = answer(&talk);
        talk.said.push(form);
        let repeated = answer(&talk);

        prop_assert!(!answered.text.is_empty() || !answered.calls.is_empty());
        prop_assert!(!repeated.text.is_empty() && repeated.calls.is_empty());
    }

    #[test]
    fn what_stands_in_quotes_alone_calls_nothing(text in "[a-z ]{1,40}") {
        let answered = answer(&conversation(&[], &[], tools(), &format!("\"{text}\"")));

        prop_assert!(answered.calls.is_empty());
    }

    #[test]
    fn a_quoted_title_is_kept_as_it_is(title in "[A-Z][a-z]{1,8}( [a-z,.!?]{1,8}){0,4}[a-z]") {
        let answered = answer(&conversation(&[], &[], tools(), &format!("add \"{title}\"")));

        let expected = json!(title);
        let given: Vec<_> = answered.calls.iter().map(|call| call.arguments.get("title")).collect();
        prop_assert_eq!(given, vec![Some(&expected)]);
    }
}

fn message() -> impl Strategy<Value = String> {
    let spoken =
        prop::collection::vec(prop::sample::select(WORDS), 0..14).prop_map(|words| words.join(" "));
    prop_oneof![spoken, any::<String>(), "\\PC{0,60}"]
}

fn output() -> impl Strategy<Value = String> {
    let todo = (any::<Option<i64>>(), message(), any::<Option<String>>())
        .prop_map(|(id, title, due)| json!({"id": id, "title": title, "due": due}));
    let page = (prop::collection::vec(todo, 0..4), any::<Option<u64>>())
        .prop_map(|(todos, next)| json!({"todos": todos, "next_offset": next}).to_string());
    prop_oneof![page, any::<String>(), json_value().prop_map(|value| value.to_string())]
}

fn schema() -> impl Strategy<Value = Value> {
    let property = prop_oneof![
        json_value(),
        Just(json!({"$ref": "#"})),
        Just(json!({"anyOf": [{"$ref": "#/properties/due"}]}))
    ];
    let names = prop::sample::select(vec![
        "title", "id", "due", "priority", "tags", "status", "limit", "offset",
    ]);
    let properties = prop::collection::btree_map(names, property, 0..6);
    prop_oneof![
        json_value(),
        (properties, json_value()).prop_map(
            |(properties, required)| json!({"properties": properties, "required": required})
        ),
    ]
}

fn json_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from)
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[a-z]{1,6}", inner, 0..4).prop_map(|map| json!(map)),
        ]
    })
}

/// Every message is followed by a round of two calls for each two outputs.
fn conversation(
    texts: &[String],
    outputs: &[String],
    tools: Vec<ToolSpec>,
    last: &str,
) -> Conversation {
    let now: Zoned = "2026-11-21T05:12:00+01:00[Europe/Berlin]".parse().unwrap();
    let mut said = Vec::new();
    for text in texts {
        said.push(Said::User(text.clone()));
        for pair in outputs.chunks(2) {
            let call = |id: usize| Call {
                id: id.to_string(),
                name: "any".to_owned(),
                arguments: Map::new(),
            };
            let calls = (0..pair.len()).map(call).collect();
            said.push(Said::Assistant { text: String::new(), calls });
            let answers = pair.iter().enumerate();
            said.extend(answers.map(|(id, output)| Said::Tool {
                call_id: id.to_string(),
                output: output.clone(),
            }));
        }
    }
    said.push(Said::User(last.to_owned()));
    Conversation { now, said, tools }
}
