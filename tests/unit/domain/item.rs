//! Items are kept in the bytes in which they are streamed.

use jiff::Timestamp;
use orchestrator::domain::{
    Annotation, Answer, AnswerStatus, CallStatus, Choice, Item, ItemContent, OutputText, Picture,
    Question, QuestionKind, Source, SourceKind, Summary, Task, TaskContent, TaskStatus,
    UserContent, Workflow, WorkflowKind,
};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use serde_json::{Map, Value};

/// Items as the reference back end wrote them, with times in UTC.
const SAMPLES: &[&str] = &[
    r#"{"id":"msg_1","thread_id":"thr_1","created_at":"2026-11-21T02:44:59.158811Z","type":"user_message","content":[{"type":"input_text","text":"Hi"}],"attachments":[],"inference_options":{}}"#,
    r#"{"id":"msg_1","thread_id":"thr_1","created_at":"2026-11-21T02:44:59.158811Z","type":"user_message","content":[{"type":"input_tag","id":"doc_1","text":"Doc 1","data":{"a":null,"z":1},"group":"Docs","interactive":false}],"attachments":[],"quoted_text":"","inference_options":{"model":"fast"}}"#,
    r#"{"id":"msg_2","thread_id":"thr_1","created_at":"2026-11-21T02:44:59.385943Z","type":"assistant_message","content":[{"type":"output_text","annotations":[],"text":"Two ✅ lines\n"}]}"#,
    r#"{"id":"wf_1","thread_id":"thr_1","created_at":"2026-11-21T02:44:59.235901Z","type":"workflow","workflow":{"type":"custom","tasks":[{"status_indicator":"complete","type":"custom","title":"Looking through todos","icon":"search"}],"summary":{"duration":0},"expanded":false}}"#,
    r#"{"id":"wf_2","thread_id":"thr_1","created_at":"2026-11-21T02:44:59.235901Z","type":"workflow","workflow":{"type":"reasoning","tasks":[{"status_indicator":"none","type":"thought","content":"Hm."}],"expanded":false}}"#,
];

#[test]
fn reading_and_writing_an_item_changes_no_byte() {
    for sample in SAMPLES {
        let item: Item = serde_json::from_str(sample).unwrap();

        assert_eq!(&serde_json::to_string(&item).unwrap(), sample);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..Default::default() })]

    #[test]
    fn any_item_comes_back_as_it_was(item in item()) {
        let written = serde_json::to_string(&item).unwrap();

        let read: Item = serde_json::from_str(&written).unwrap();

        prop_assert_eq!(serde_json::to_string(&read).unwrap(), written);
        prop_assert_eq!(read, item);
    }
}

fn item() -> impl Strategy<Value = Item> {
    let times = -62_135_596_800_000_000_i64..253_402_207_200_000_000;
    ("[!-~]{1,128}", "[!-~]{1,128}", times, content()).prop_map(|(id, thread, time, content)| {
        Item {
            id: id.as_str().into(),
            thread_id: thread.as_str().into(),
            created_at: Timestamp::from_microsecond(time).unwrap(),
            content,
        }
    })
}

fn content() -> impl Strategy<Value = ItemContent> {
    let user =
        (vec(spoken(), 0..3), option::of(".*"), map()).prop_map(|(content, quoted, options)| {
            let attachments = Vec::new();
            ItemContent::UserMessage {
                content,
                attachments,
                quoted_text: quoted,
                inference_options: options,
            }
        });
    let text = (".*", vec(annotation(), 0..2));
    let text = text.prop_map(|(text, annotations)| OutputText { annotations, text });
    let assistant = vec(text, 0..3).prop_map(|content| ItemContent::AssistantMessage { content });
    let kind = prop_oneof![Just(WorkflowKind::Custom), Just(WorkflowKind::Reasoning)];
    let summary = option::of(any::<u64>().prop_map(|duration| Summary::Took { duration }));
    let workflow = (kind, vec(task(), 0..3), summary, any::<bool>());
    let workflow = workflow.prop_map(|(kind, tasks, summary, expanded)| ItemContent::Workflow {
        workflow: Workflow { kind, tasks, summary, expanded },
    });
    let single = task().prop_map(|task| ItemContent::Task { task });
    let hidden = value().prop_map(|content| ItemContent::HiddenContextItem { content });
    let widget = (value(), option::of(".*"))
        .prop_map(|(widget, copy_text)| ItemContent::Widget { widget, copy_text });
    let image = option::of((".*", ".*").prop_map(|(id, url)| Picture { id, url }))
        .prop_map(|image| ItemContent::GeneratedImage { image });
    let end = Just(ItemContent::EndOfTurn {});
    prop_oneof![
        user,
        assistant,
        workflow,
        single,
        questions(),
        client_call(),
        hidden,
        widget,
        image,
        end
    ]
}

fn questions() -> impl Strategy<Value = ItemContent> {
    let status = prop_oneof![
        Just(AnswerStatus::Pending),
        Just(AnswerStatus::Answered),
        Just(AnswerStatus::Skipped)
    ];
    let options = vec(".*".prop_map(|value| Choice { value }), 0..3);
    let kind = prop_oneof![
        (options, any::<bool>())
            .prop_map(|(options, multiple)| QuestionKind::MultipleChoice { options, multiple }),
        option::of(".*").prop_map(|description| QuestionKind::Freeform { description }),
    ];
    let answer =
        (vec(".*", 0..2), any::<bool>()).prop_map(|(values, skipped)| Answer { values, skipped });
    let question = (".*", ".*", option::of(answer), kind)
        .prop_map(|(id, question, answer, kind)| Question { id, question, answer, kind });
    (status, vec(question, 0..3))
        .prop_map(|(status, inputs)| ItemContent::StructuredInput { status, inputs })
}

fn client_call() -> impl Strategy<Value = ItemContent> {
    // A null is as good as no output.
    let output = option::of(value().prop_filter("null", |value| !value.is_null()));
    (".*", ".*", map(), output).prop_map(|(call_id, name, arguments, output)| {
        ItemContent::ClientToolCall {
            status: CallStatus::Pending,
            call_id: call_id.as_str().into(),
            name,
            arguments,
            output,
        }
    })
}

fn annotation() -> impl Strategy<Value = Annotation> {
    (source(), option::of(any::<u32>())).prop_map(|(source, index)| Annotation { source, index })
}

fn source() -> impl Strategy<Value = Source> {
    let kind = prop_oneof![
        (".*", option::of(".*"))
            .prop_map(|(url, attribution)| SourceKind::Url { url, attribution }),
        ".*".prop_map(|filename| SourceKind::File { filename }),
        (".*", option::of(".*"), any::<bool>(), map()).prop_map(
            |(id, label, interactive, data)| SourceKind::Entity {
                id,
                icon: None,
                label,
                inline_label: None,
                interactive,
                data,
            }
        ),
    ];
    (".*", option::of(".*"), kind).prop_map(|(title, description, kind)| Source {
        title,
        description,
        timestamp: None,
        group: None,
        kind,
    })
}

fn spoken() -> impl Strategy<Value = UserContent> {
    let tag = (".*", ".*", map(), option::of(".*"), any::<bool>());
    prop_oneof![
        ".*".prop_map(|text| UserContent::InputText { text }),
        tag.prop_map(|(id, text, data, group, interactive)| {
            UserContent::InputTag { id, text, data, group, interactive }
        }),
    ]
}

fn task() -> impl Strategy<Value = Task> {
    let status = || {
        prop_oneof![Just(TaskStatus::None), Just(TaskStatus::Loading), Just(TaskStatus::Complete)]
    };
    let words = || option::of(".*");
    let content = prop_oneof![
        (words(), words(), words()).prop_map(|(title, icon, content)| TaskContent::Custom {
            title,
            icon,
            content
        }),
        (words(), ".*").prop_map(|(title, content)| TaskContent::Thought { title, content }),
        (words(), vec(".*", 0..2), vec(source(), 0..2)).prop_map(|(title, queries, sources)| {
            TaskContent::WebSearch { title, title_query: None, queries, sources }
        }),
        (words(), vec(source(), 0..2))
            .prop_map(|(title, sources)| TaskContent::File { title, sources }),
        words().prop_map(|title| TaskContent::Image { title }),
    ];
    (status(), content).prop_map(|(status_indicator, content)| Task { status_indicator, content })
}

fn map() -> impl Strategy<Value = Map<String, Value>> {
    vec((".*", value()), 0..4).prop_map(|pairs| pairs.into_iter().collect())
}

/// What a front end may put into its free-form maps: nulls and numbers of all kinds too.
fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".*".prop_map(Value::from),
    ];
    leaf.prop_recursive(2, 8, 3, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..3).prop_map(Value::from),
            vec((".*", inner), 0..3).prop_map(|pairs| Value::Object(pairs.into_iter().collect())),
        ]
    })
}
