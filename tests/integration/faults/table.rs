//! Every scenario in both forms, against the table beside this file.

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::time::Duration;

use demo::scenario_names;
use futures::StreamExt;
use futures::stream::iter;
use serde_json::json;
use tokio::time::timeout;

use super::seen::{kept, rendered, replayed};
use super::{House, MARK};

/// One line of the table.
pub(super) struct Row {
    pub(super) played: &'static str,
    pub(super) outcome: &'static str,
    asked: usize,
    shown: &'static str,
    told: &'static str,
}

/// More than any turn of the table may take, and less than a suite may hang.
const PATIENCE: Duration = Duration::from_secs(20);
/// Houses that stand at the same time.
const AT_ONCE: usize = 16;

impl Row {
    /// The whole table.
    pub(super) fn all() -> impl Iterator<Item = Self> {
        let lines = include_str!("table.txt").lines().filter(|line| !line.trim().is_empty());
        lines.filter(|line| !line.starts_with('#')).map(Self::read)
    }

    /// Whether words were shown before it went wrong.
    pub(super) fn is_cut(&self) -> bool {
        self.shown.contains('…')
    }

    fn read(line: &'static str) -> Self {
        let columns: Vec<_> = line.split('|').map(str::trim).collect();
        let [played, outcome, asked, shown, told] = columns[..] else { panic!("{line}") };
        Self { played, outcome, asked: asked.parse().unwrap(), shown, told }
    }

    fn name(&self) -> &'static str {
        self.played.split('(').next().unwrap()
    }

    fn is_success(&self) -> bool {
        self.outcome == "completed"
    }

    /// A house whose model plays this, and what to say to it.
    async fn house(&self) -> (House, &'static str) {
        let (times, message) = match self.name() {
            "repeat_call" => (0, "[[scenario:repeat_call]]"),
            "quota" | "flaky_malformed" => (1, "call:read_a{}"),
            _ if self.is_success() => (1, "hi"),
            _ => (9, "hi"),
        };
        (House::new(self.played, times).await, message)
    }

    async fn stream(&self) -> Result<(), String> {
        let (house, message) = self.house().await;
        let answer = timeout(PATIENCE, house.app.create(message)).await;
        let answer = answer.map_err(|_| "the stream hangs")?;
        let events = answer.events();
        let errors: Vec<_> = events.iter().filter(|event| event["type"] == "error").collect();
        let told = errors.first().map_or("", |error| error["message"].as_str().unwrap());
        same("shown", rendered(&replayed(&events)), self.shown)?;
        same("kept", rendered(&kept(&house.app, &answer.thread_id()).await), self.shown)?;
        begins("told", told, self.told)?;
        same("errors", errors.len(), usize::from(!self.is_success()))?;
        let last = events.iter().rfind(|event| event["type"] != "thread.updated");
        same("told last", last.is_some_and(|last| last["type"] == "error"), !self.is_success())?;
        same("asked", house.server.log_once_open().await.len(), self.asked)
    }

    async fn json(&self) -> Result<(), String> {
        let (house, message) = self.house().await;
        let answer = timeout(PATIENCE, house.app.ask(&json!({ "message": message }))).await;
        let answer = answer.map_err(|_| "the answer hangs")?.json();
        let said = answer["message"].as_str().unwrap();
        let thread = answer["thread_id"].as_str().unwrap();
        same("outcome", &answer["outcome"], self.outcome)?;
        same("an answer that says nothing", said.trim().is_empty(), false)?;
        same("kept", rendered(&kept(&house.app, thread).await), self.shown)?;
        same("marked as cut", said.contains(MARK), self.is_cut())?;
        same("told", said.contains(self.told), true)?;
        let steps = self.shown.split(" / ").filter(|line| line.starts_with("step ")).count();
        same("calls", answer["tool_calls"].as_array().unwrap().len(), steps)?;
        same("asked", house.server.log_once_open().await.len(), self.asked)
    }
}

#[test]
fn the_table_has_every_scenario_once_and_success_is_never_empty() {
    let names: Vec<_> = Row::all().map(|row| row.name()).collect();
    let distinct: BTreeSet<_> = names.iter().copied().collect();

    assert_eq!(distinct, scenario_names());
    assert_eq!(distinct.len(), names.len());
    for row in Row::all() {
        assert_eq!(row.is_success(), row.told.is_empty(), "{}", row.played);
        let is_whole = row.shown.contains("say ") && !row.is_cut();
        assert!(is_whole || !row.is_success(), "{}", row.played);
    }
}

#[tokio::test]
async fn a_stream_shows_keeps_and_tells_what_the_table_says() {
    let wrong =
        iter(Row::all()).map(async |row| row.stream().await.map_err(|why| wrong(&row, &why)));
    nothing_is_wrong(wrong.buffer_unordered(AT_ONCE).collect().await);
}

#[tokio::test]
async fn one_json_answer_says_keeps_and_tells_what_the_table_says() {
    let wrong = iter(Row::all()).map(async |row| row.json().await.map_err(|why| wrong(&row, &why)));
    nothing_is_wrong(wrong.buffer_unordered(AT_ONCE).collect().await);
}

fn wrong(row: &Row, why: &str) -> String {
    format!("{}: {why}", row.played)
}

fn nothing_is_wrong(rows: Vec<Result<(), String>>) {
    let wrong: Vec<_> = rows.into_iter().filter_map(Result::err).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn same<T: PartialEq<E> + Debug, E: Debug>(
    what: &str,
    found: T,
    expected: E,
) -> Result<(), String> {
    if found == expected { Ok(()) } else { Err(format!("{what}: {found:?}, not {expected:?}")) }
}

fn begins(what: &str, found: &str, expected: &str) -> Result<(), String> {
    let fits = found.starts_with(expected) && found.is_empty() == expected.is_empty();
    if fits { Ok(()) } else { Err(format!("{what}: {found:?}, not {expected:?}")) }
}
