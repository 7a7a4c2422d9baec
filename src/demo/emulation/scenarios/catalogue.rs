//! Written scenarios: text files with the bytes of an answer and a few blanks to fill.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use axum::http::StatusCode;

#[derive(Debug)]
pub(in crate::emulation) struct WrittenScenario {
    pub(in crate::emulation) kind: BodyKind,
    pub(in crate::emulation) status: StatusCode,
    pub(in crate::emulation) headers: Vec<(&'static str, &'static str)>,
    pub(in crate::emulation) template: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::emulation) enum BodyKind {
    /// Server-sent events.
    Stream,
    /// A JSON body.
    Json,
    /// A JSON error, to be wrapped in an array of one.
    Error,
    /// An HTML page.
    Html,
}

static CATALOGUE: LazyLock<BTreeMap<&'static str, WrittenScenario>> = LazyLock::new(|| {
    [
        include_str!("good.txt"),
        include_str!("bad.txt"),
        include_str!("dialects.txt"),
        include_str!("errors.txt"),
    ]
    .into_iter()
    .flat_map(entries)
    .collect()
});

pub(in crate::emulation) fn find(name: &str) -> Option<&'static WrittenScenario> {
    CATALOGUE.get(name)
}

pub(super) fn names() -> impl Iterator<Item = &'static str> {
    CATALOGUE.keys().copied()
}

fn entries(file: &'static str) -> impl Iterator<Item = (&'static str, WrittenScenario)> {
    file.split("\n=== ").skip(1).filter_map(entry)
}

fn entry(block: &'static str) -> Option<(&'static str, WrittenScenario)> {
    let (head, body) = block.split_once('\n')?;
    let mut words = head.split_whitespace();
    let name = words.next()?;
    let kind = kind(words.next()?)?;
    let status = words.next().map_or(Some(StatusCode::OK), |code| code.parse().ok())?;
    let headers = words.filter_map(|pair| pair.split_once('=')).collect();
    Some((name, WrittenScenario { kind, status, headers, template: template(body) }))
}

fn kind(word: &str) -> Option<BodyKind> {
    match word {
        "stream" => Some(BodyKind::Stream),
        "json" => Some(BodyKind::Json),
        "error" => Some(BodyKind::Error),
        "html" => Some(BodyKind::Html),
        _ => None,
    }
}

/// The body without the comments before the next scenario.
fn template(body: &str) -> String {
    let lines: Vec<&str> = body.lines().filter(|line| !line.starts_with("## ")).collect();
    lines.join("\n").trim().to_owned()
}
