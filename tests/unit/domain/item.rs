//! Items are kept in the bytes in which they are streamed.

use jiff::Timestamp;
use orchestrator::domain::{
    Item, ItemContent, OutputText, Summary, Task, TaskStatus, UserContent, Workflow, WorkflowKind,
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
    r#"{"id":"wf_1","thread_id":"thr_1","created_at":"2026-11-21T02:44:59.235901Z","type":"workflow","workflow":{"type":"custom","tasks":[{"type":"custom","status_indicator":"complete","title":"Looking through todos","icon":"search"}],"summary":{"duration":0},"expanded":false}}"#,
    r#"{"id":"wf_2","thread_id":"thr_1","created_at":"2026-11-21T02:44:59.235901Z","type":"workflow","workflow":{"type":"reasoning","tasks":[{"type":"thought","status_indicator":"none","content":"Hm."}],"expanded":false}}"#,
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
    (".*", ".*", times, content()).prop_map(|(id, thread, time, content)| Item {
        id: id.as_str().into(),
        thread_id: thread.as_str().into(),
        created_at: Timestamp::from_microsecond(time).unwrap(),
        content,
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
    let text = (".*", vec(value(), 0..2));
    let text = text.prop_map(|(text, annotations)| OutputText { annotations, text });
    let assistant = vec(text, 0..3).prop_map(|content| ItemContent::AssistantMessage { content });
    let kind = prop_oneof![Just(WorkflowKind::Custom), Just(WorkflowKind::Reasoning)];
    let summary = option::of(any::<u64>().prop_map(|duration| Summary { duration }));
    let workflow = (kind, vec(task(), 0..3), summary, any::<bool>());
    let workflow = workflow.prop_map(|(kind, tasks, summary, expanded)| ItemContent::Workflow {
        workflow: Workflow { kind, tasks, summary, expanded },
    });
    prop_oneof![user, assistant, workflow]
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
    let custom = (status(), ".*", ".*", option::of(".*"));
    prop_oneof![
        custom.prop_map(|(status_indicator, title, icon, content)| {
            Task::Custom { status_indicator, title, icon, content }
        }),
        (status(), ".*").prop_map(|(status_indicator, content)| {
            Task::Thought { status_indicator, content }
        }),
    ]
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
