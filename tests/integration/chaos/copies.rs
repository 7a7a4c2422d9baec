//! The program is killed in a turn, and the request of that turn comes again: at once or after a
//! later message, under its key, from its frame, or as a retry. Many of these turns are answers to
//! a form. Nothing that came later is undone, nothing is done twice, and no thread is stuck.
//!
//! For a night: `CHAOS_SEEDS=500 cargo test --test it chaos::copies`.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::copy_plan::{ADDING, Again, Asked, End, Left, Plan, TITLES, TWINS, stays};
use super::for_each_seed;
use super::killing::{
    Victim, changes, connected, cut, items, post, retry, revived, threads, todos,
};
use crate::support::app::{add, create, events_in, type_of};
use crate::support::process::{Running, ask};
use crate::support::watchdog::within;

/// The icons of steps that change something.
const CHANGES: [&str; 3] = ["plus", "check", "empty-circle"];

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_copy_of_a_killed_request_undoes_nothing_that_came_later_and_does_nothing_twice() {
    for_each_seed(20, 4, comes_again).await;
}

async fn comes_again(seed: u64) {
    let plan = Plan::drawn(seed);
    let data = TempDir::new().unwrap();
    let server = Running::start(&data, &[("APPROVALS", "never")]);
    connected(&server).await;
    let body = prepared(&plan, &server).await;

    let (name, value) = plan.header("");
    let told = cut(&server, &plan.strike, (name, &value), &body).await;
    let server = revived(server, &plan.strike, &data).await;
    let scene = Scene { plan, server, body, told };
    scene.knows_what_was_told().await;
    let later = scene.goes_on().await;
    let is_done = match scene.plan.again {
        Again::Retry => scene.is_retried().await,
        Again::Key | Again::Frame => scene.is_sent_again(later.is_some()).await,
    };
    scene.says("what is on my list?").await;
    scene.did_each_thing_once(&data, later.as_ref(), is_done).await;
}

/// What comes before the killed turn, and the request that begins it.
async fn prepared(plan: &Plan, server: &Running) -> Value {
    let said = async |message: &str, thread: Value| {
        let body = json!({ "message": message, "thread_id": thread });
        within(message, ask(&server.url, &body)).await["thread_id"].clone()
    };
    match plan.asked {
        Asked::Opening => create(ADDING),
        Asked::Message => add(said("hello", Value::Null).await.as_str().unwrap(), ADDING),
        Asked::Choice { message, .. } => {
            let thread = said("add oat milk and soy milk", Value::Null).await;
            said(message, thread.clone()).await;
            plan.choice(items(server, &thread).await.last().unwrap())
        }
    }
}

/// The program after the kill.
struct Scene {
    plan: Plan,
    server: Running,
    body: Value,
    /// What was told before the kill, and after it if the server lived on.
    told: Vec<Value>,
}

impl Scene {
    async fn knows_what_was_told(&self) {
        let listed = self.listed().await;
        let is_kept = |event: &&Value| {
            type_of(event).starts_with("done ") || event["item"]["status"] == "answered"
        };
        let mut kept = self.told.iter().filter(is_kept);
        assert!(kept.all(|event| listed.contains(&event["item"])), "{self:?} {listed:#?}");
        if self.plan.strike.victim == Victim::Child {
            self.ends_once(&self.told);
        }
    }

    /// A later message, if it is planned and there is a thread to say it in.
    async fn goes_on(&self) -> Option<Value> {
        if self.plan.goes_on { self.says("add tea").await } else { None }
    }

    async fn says(&self, message: &str) -> Option<Value> {
        let body = json!({ "message": message, "thread_id": self.thread().await? });
        let answer = within(message, ask(&self.server.url, &body)).await;
        assert_eq!(answer["outcome"], "completed", "{self:?} {answer:#}");
        Some(answer)
    }

    /// Whether all must be done after it.
    async fn is_sent_again(&self, goes_on: bool) -> bool {
        let before = self.listed().await;
        let left = self.plan.left(&before);
        if self.plan.again == Again::Frame && left == Left::Answer && !self.plan.is_choice() {
            // The same words from the same frame are another message once they were answered.
            return true;
        }
        let end = self.plan.end(left, goes_on);
        let first = self.send(&self.body, "", end).await;
        let after = self.listed().await;
        let stays = if goes_on { before.len() } else { stays(&before, left) };
        assert_eq!(after.get(..stays), Some(&before[..stays]), "{self:?} {first:#?}");
        if end != End::Answer || left == Left::Answer {
            assert_eq!(after, before, "{self:?} {first:#?}");
        }

        if self.plan.again == Again::Key {
            let second = self.send(&self.body, "", end).await;
            assert_eq!(second.last(), first.last(), "{self:?}");
        } else if self.plan.is_choice() {
            self.send(&self.body, "", End::Refused).await;
        }
        assert_eq!(self.listed().await, after, "{self:?}");
        // An answer may be that the tools could not be reached.
        let is_excused = self.plan.strike.victim == Victim::Child && left == Left::Answer;
        end == End::Answer && !is_excused
    }

    /// By the message that the turn was for; its form may have to be answered once more. Whether
    /// all must be done after it.
    async fn is_retried(&self) -> bool {
        let before = self.listed().await;
        let said = self.plan.message();
        let Some(place) = before.iter().position(|item| item["content"][0]["text"] == said) else {
            self.send(&self.body, "", End::Answer).await;
            return true;
        };
        let told = self.send(&retry(&before[place]), "-retry", End::AnswerOrForm).await;
        let end = &told.last().unwrap()["item"];
        if end["type"] == "structured_input" {
            self.send(&self.plan.choice(end), "-choice", End::Answer).await;
        }
        let after = self.listed().await;
        assert_eq!(after.get(..=place), Some(&before[..=place]), "{self:?} {told:#?}");
        if self.plan.left(&before) != Left::Nothing {
            // The form is forgotten, the message is answered.
            let end = if self.plan.is_choice() { End::Told } else { End::AnswerOrForm };
            self.send(&self.body, "", end).await;
            assert_eq!(self.listed().await, after, "{self:?}");
        }
        true
    }

    async fn send(&self, body: &Value, suffix: &str, expected: End) -> Vec<Value> {
        let (name, value) = self.plan.header(suffix);
        let sent = post(&self.server, (name, &value), body);
        let answer = within("an answer begins", sent).await.unwrap();
        let status = answer.status().as_u16();
        let text = within("an answer ends", answer.text()).await.unwrap();
        let told = if status == 200 { events_in(&text) } else { Vec::new() };
        let end = told.last().unwrap_or(&Value::Null);
        let is_as_expected = match expected {
            End::Answer => type_of(end) == "done assistant_message",
            End::AnswerOrForm => end["type"] == "thread.item.done",
            End::Overtaken => end["type"] == "error" && end["allow_retry"] == false,
            End::Refused => status == 409,
            End::Told => status == 200,
        };
        assert!(is_as_expected, "{self:?} expected {expected:?}: {status} {text}");
        if status == 200 {
            self.ends_once(&told);
        }
        told
    }

    /// With an answer, a form or an error, and nothing after it.
    fn ends_once(&self, told: &[Value]) {
        let types: Vec<_> = told.iter().map(type_of).collect();
        let count = |kind: &str| types.iter().filter(|one| *one == kind).count();
        let (answers, errors) = (count("done assistant_message"), count("error"));
        let forms = count("done structured_input");
        let last = types.last().map_or("nothing", String::as_str);
        let ends = match last {
            "error" => errors,
            "done assistant_message" | "done structured_input" => answers + forms + errors,
            _ => 0,
        };
        assert_eq!(ends, 1, "{self:?} {types:?}");
    }

    async fn did_each_thing_once(&self, data: &TempDir, later: Option<&Value>, is_done: bool) {
        let (changes, todos) = (changes(data.path()).await, todos(data.path()).await);
        let found: Vec<_> = todos.iter().map(|(title, status)| (&**title, &**status)).collect();
        let count = |tool: &str| changes.iter().filter(|made| *made == tool).count();
        let is_there = |title: &str| found.iter().any(|(one, _)| *one == title);
        let mut expected = BTreeMap::new();
        let (made, all, added) = match self.plan.asked {
            Asked::Opening | Asked::Message => {
                expected.extend(TITLES.map(|title| (title, "open")));
                expected.retain(|title, _| is_there(title));
                (expected.len(), TITLES.len(), expected.len())
            }
            Asked::Choice { message, chosen } => {
                expected.extend(TWINS.map(|title| (title, "open")));
                let made = count("delete_todo") + count("complete_todo");
                if made > 0 {
                    expected.insert(TWINS[chosen], "done");
                    expected.retain(|_, status| *status == "open" || message != "delete milk");
                }
                (made, 1, TWINS.len())
            }
        };
        let with_tea = later.is_some();
        if with_tea {
            expected.insert("tea", "open");
        }
        assert_eq!(found, expected.into_iter().collect::<Vec<_>>(), "{self:?} {changes:?}");
        let (created, due) = (count("create_todo"), added + usize::from(with_tea));
        assert_eq!(created, due, "{self:?} {changes:?}");
        let told = self.told.iter().filter(|event| is_told_change(event)).count();
        let least = if is_done { all } else { told };
        assert!((least..=all).contains(&made), "{self:?} {least} {made} {all} {changes:?}");
    }

    async fn thread(&self) -> Option<Value> {
        let listed = threads(&self.server).await;
        assert!(listed.len() < 2, "{self:?} {listed:#?}");
        listed.first().map(|thread| thread["id"].clone())
    }

    async fn listed(&self) -> Vec<Value> {
        match self.thread().await {
            Some(thread) => items(&self.server, &thread).await,
            None => Vec::new(),
        }
    }
}

impl fmt::Debug for Scene {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let told: Vec<_> = self.told.iter().map(type_of).collect();
        write!(formatter, "{:?}; told: {told:?};", self.plan)
    }
}

/// The end of a step that changed something.
fn is_told_change(event: &Value) -> bool {
    let task = &event["update"]["task"];
    task["status_indicator"] == "complete" && CHANGES.iter().any(|icon| task["icon"] == *icon)
}
