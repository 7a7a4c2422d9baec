//! Whole streams, byte for byte but for ids and times.

use std::collections::BTreeMap;

use orchestrator::agents::{Delta, ModelError};
use serde_json::json;

use crate::support::app::TestApp;
use crate::support::doubles::{Act, calls, reply, says, tool_calls};

#[tokio::test]
async fn a_turn_with_thoughts_tools_and_text() {
    let both = tool_calls(&[("add", json!({ "title": "milk" })), ("read_broken", json!({}))]);
    let think = Act::Say(vec![Delta::Thought("Milk it is.".to_owned())], Ok(reply("", both)));
    let app = TestApp::scripted([think, says("Added milk.")]).await;

    let answer = app.create("add milk").await;

    insta::assert_snapshot!(normal(&answer.text));
}

#[tokio::test]
async fn a_turn_that_breaks_off() {
    let rounds = [
        calls(&[("read_a", json!({}))]),
        Act::Say(vec![Delta::Text("Half ".to_owned())], Err(ModelError::Truncated)),
    ];
    let app = TestApp::scripted(rounds).await;

    let answer = app.create("look").await;

    insta::assert_snapshot!(normal(&answer.text));
}

/// Ids become numbers in the order in which they appear, times a word.
fn normal(stream: &str) -> String {
    let mut known: BTreeMap<&str, String> = BTreeMap::new();
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    let parts = stream.split('"').map(|part| match part.split_once('_') {
        Some((kind, hex)) if hex.len() == 32 => {
            let name = known.entry(part).or_insert_with(|| {
                let count = counts.entry(kind).or_default();
                *count += 1;
                format!("{kind}_{count}")
            });
            name.clone()
        }
        Some(_) | None if part.parse::<jiff::Timestamp>().is_ok() => "TIME".to_owned(),
        Some(_) | None => part.to_owned(),
    });
    parts.collect::<Vec<_>>().join("\"")
}
