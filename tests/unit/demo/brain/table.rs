//! Utterances and the exact calls they lead to, in `utterances.txt`.

use serde_json::Value;

use super::harness::{Talk, written};

const TABLE: &str = include_str!("utterances.txt");

/// A line of the table, and what was said before it.
struct Row {
    forms: bool,
    after: Vec<&'static str>,
    said: &'static str,
    calls: &'static str,
}

#[test]
fn every_utterance_leads_to_exactly_these_calls() {
    let mismatches: Vec<String> = rows().iter().filter_map(mismatch).collect();

    assert!(mismatches.is_empty(), "{} mismatches:\n{}", mismatches.len(), mismatches.join("\n"));
}

#[test]
fn the_table_is_large_and_silent_often_enough() {
    let rows = rows();
    let mut said: Vec<&str> = rows.iter().map(|row| row.said).collect();
    said.sort_unstable();
    said.dedup();
    let silent = rows.iter().filter(|row| row.calls == "-").count();

    assert!(said.len() >= 200, "{} different utterances", said.len());
    assert!(silent >= 40, "{silent} without a call");
}

fn mismatch(row: &Row) -> Option<String> {
    let mut talk = Talk::new();
    if row.forms {
        talk.offer_forms();
    }
    for said in &row.after {
        talk.say(said);
    }
    let heard = talk.say(&row.said.replace("\\n", "\n"));
    let got = written(&heard);
    let ends = !heard.last.text.is_empty() || got.contains("ask_user");
    let fine = row.calls != "?" && parsed(&got) == parsed(row.calls) && ends;
    (!fine).then(|| {
        format!("{} => {got}\n    wanted: {}\n    said: {}", row.said, row.calls, heard.last.text)
    })
}

/// `@after first / second` says what came before the rows below it; `@alone` ends that. Below
/// `@forms` the tool `ask_user` is on offer.
fn rows() -> Vec<Row> {
    let mut after = Vec::new();
    let mut forms = false;
    let mut rows = Vec::new();
    for line in TABLE.lines().filter(|line| !line.is_empty() && !line.starts_with("##")) {
        if let Some(before) = line.strip_prefix("@after ") {
            after = before.split(" / ").collect();
        } else if line == "@alone" {
            after.clear();
        } else if line == "@forms" {
            forms = true;
        } else {
            let (said, calls) = line.split_once(" => ").unwrap();
            rows.push(Row { forms, after: after.clone(), said, calls });
        }
    }
    rows
}

fn parsed(calls: &str) -> Vec<Vec<(String, Value)>> {
    let call = |call: &str| {
        let (name, arguments) = call.split_once(' ').unwrap_or((call, "{}"));
        (name.to_owned(), serde_json::from_str(arguments).unwrap())
    };
    calls.split(" > ").map(|round| round.split("; ").map(call).collect()).collect()
}
