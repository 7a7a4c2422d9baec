//! The protocol as a person understands it: threads are lists, and a retry forgets what follows.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::scripts::Step;

/// Put behind an answer that was cut.
const CUT: &str = "\n\n*[cut off here]*";

/// All threads, the deleted ones too.
#[derive(Debug, Default)]
pub(super) struct Plain {
    pub(super) threads: Vec<PlainThread>,
    /// The messages for which something was done: once each.
    done: BTreeSet<String>,
    /// What each step began: its thread, and what asking again would do.
    turns: BTreeMap<usize, Turn>,
}

/// A turn, for whoever asks again.
#[derive(Clone, Debug)]
struct Turn {
    place: usize,
    /// What was answered, unless it was answered whole.
    unfinished: Option<String>,
}

#[derive(Debug)]
pub(super) struct PlainThread {
    title: String,
    items: Vec<PlainItem>,
    is_deleted: bool,
    /// The last step that began a turn here.
    newest: usize,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum PlainItem {
    Said(String),
    Answered(String),
    Worked,
    Asked(Status),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    Pending,
    Answered,
    Skipped,
}

impl Plain {
    /// Does it and tells the status.
    pub(super) fn take(&mut self, n: u64, step: &Step) -> u16 {
        let n = usize::try_from(n).unwrap();
        let place = match step {
            Step::Create(text) => {
                let title = text.replacen(&text[..1], &text[..1].to_uppercase(), 1);
                self.threads.push(PlainThread::new(title, n));
                self.threads.len() - 1
            }
            Step::Message(place, _)
            | Step::Retry(place, _)
            | Step::Answer(place, ..)
            | Step::Rename(place, _)
            | Step::Delete(place) => *place,
            Step::Again(earlier) => return self.take_again(*earlier),
        };
        let thread = &mut self.threads[place];
        if thread.is_deleted {
            return 404;
        }
        match step {
            Step::Create(text) | Step::Message(_, text) => {
                if let Some(PlainItem::Asked(status @ Status::Pending)) = thread.items.last_mut() {
                    *status = Status::Skipped;
                }
                thread.items.push(PlainItem::Said(text.clone()));
                self.begin(n, place, text);
            }
            Step::Retry(_, message) => {
                let text = thread.rewind(*message);
                self.begin(n, place, &text);
            }
            Step::Answer(_, given, words) => return self.settle(n, place, *given, words),
            Step::Rename(_, title) => thread.title.clone_from(title),
            Step::Delete(_) => thread.is_deleted = true,
            Step::Again(_) => unreachable!("taken above"),
        }
        200
    }

    fn settle(&mut self, n: usize, place: usize, given: Status, words: &str) -> u16 {
        let status = self.threads[place].settle(given);
        if status == 200 {
            self.begin(n, place, if given == Status::Answered { words } else { "(skipped)" });
        }
        status
    }

    /// Steps that began a turn in a thread that is still there.
    pub(super) fn repeatable(&self) -> Vec<usize> {
        let there = |turn: &Turn| !self.threads[turn.place].is_deleted;
        self.turns.iter().filter(|(_, turn)| there(turn)).map(|(n, _)| *n).collect()
    }

    fn begin(&mut self, n: usize, place: usize, text: &str) {
        let thread = &mut self.threads[place];
        thread.answer(text, &mut self.done);
        thread.newest = n;
        let is_cut = ["fail", "hang"].iter().any(|word| text.starts_with(word));
        let unfinished = is_cut.then(|| text.to_owned());
        self.turns.insert(n, Turn { place, unfinished });
    }

    /// What was not answered whole is tried again, unless something else began since.
    fn take_again(&mut self, n: usize) -> u16 {
        let Turn { place, unfinished } = self.turns[&n].clone();
        let thread = &mut self.threads[place];
        if let Some(text) = unfinished.filter(|_| thread.newest == n) {
            let said = thread.messages() - 1;
            thread.rewind(said);
            thread.answer(&text, &mut self.done);
        }
        200
    }

    /// What is listed, oldest first.
    pub(super) fn listed(&self) -> Vec<(String, Vec<PlainItem>)> {
        let there = self.threads.iter().filter(|thread| !thread.is_deleted);
        there.map(|thread| (thread.title.clone(), thread.items.clone())).collect()
    }

    /// What was done, sorted.
    pub(super) fn effects(&self) -> Vec<String> {
        let call = |text: &String| format!("add {{\"title\":\"{text}\"}}");
        self.done.iter().map(call).collect()
    }
}

impl PlainThread {
    fn new(title: String, newest: usize) -> Self {
        Self { title, items: Vec::new(), is_deleted: false, newest }
    }

    /// How many messages it has.
    pub(super) fn messages(&self) -> usize {
        self.items.iter().filter(|item| matches!(item, PlainItem::Said(_))).count()
    }

    /// Forgets what came after a message.
    fn rewind(&mut self, message: usize) -> String {
        let said = self.items.iter().enumerate().filter_map(|(place, item)| match item {
            PlainItem::Said(text) => Some((place, text.clone())),
            PlainItem::Answered(_) | PlainItem::Worked | PlainItem::Asked(_) => None,
        });
        let (place, text) = said.clone().nth(message).unwrap();
        self.items.truncate(place + 1);
        text
    }

    /// Answers the newest form, if it waits.
    fn settle(&mut self, given: Status) -> u16 {
        let asked = self.items.iter_mut().rev().find_map(|item| match item {
            PlainItem::Asked(status) => Some(status),
            PlainItem::Said(_) | PlainItem::Answered(_) | PlainItem::Worked => None,
        });
        match asked {
            None => return 404,
            Some(Status::Answered | Status::Skipped) => return 409,
            Some(status) => *status = given,
        }
        200
    }

    fn answer(&mut self, text: &str, done: &mut BTreeSet<String>) {
        let items = match text.split(' ').next() {
            Some("do") => {
                let work = done.insert(text.to_owned()).then_some(PlainItem::Worked);
                let answer = PlainItem::Answered(format!("You said {text}."));
                work.into_iter().chain([answer]).collect()
            }
            Some("ask") => vec![PlainItem::Asked(Status::Pending)],
            Some("fail") => Vec::new(),
            Some("hang") => vec![PlainItem::Answered(format!("Half{CUT}"))],
            Some(_) | None => vec![PlainItem::Answered(format!("You said {text}."))],
        };
        self.items.extend(items);
    }
}

impl PlainItem {
    /// An item as it is listed.
    pub(super) fn read(item: &Value) -> Self {
        let text = || item["content"][0]["text"].as_str().unwrap().to_owned();
        match item["type"].as_str().unwrap() {
            "user_message" => Self::Said(text()),
            "assistant_message" => Self::Answered(text()),
            "workflow" => Self::Worked,
            "structured_input" => Self::Asked(match item["status"].as_str().unwrap() {
                "pending" => Status::Pending,
                "answered" => Status::Answered,
                _ => Status::Skipped,
            }),
            other => panic!("{other}"),
        }
    }
}

impl Status {
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Answered => "answered",
            Self::Skipped => "skipped",
        }
    }
}
