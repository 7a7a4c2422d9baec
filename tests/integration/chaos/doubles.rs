//! Models that need no script, since what they say follows from what they are sent; and panics.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use futures::FutureExt;
use futures::future::{BoxFuture, pending};
use orchestrator::agents::{
    Delta, Deltas, Model, ModelError, ModelRequest, ToolError, ToolRequest, Tools,
};
use orchestrator::domain::{Catalog, Message, Reply, ToolOutput};
use serde_json::json;
use tokio::task::yield_now;

use crate::support::doubles::{catalog, reply, said, tool_calls};

/// Says again what it is told.
#[derive(Debug, Default)]
pub(super) struct Echo(AtomicUsize);

impl Echo {
    /// How often it was asked.
    pub(super) fn asked(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

impl Model for Echo {
    fn reply<'a>(
        &'a self,
        request: ModelRequest<'a>,
        deltas: &'a Deltas,
    ) -> BoxFuture<'a, Result<Reply, ModelError>> {
        self.0.fetch_add(1, Ordering::Relaxed);
        let answer = format!("You said {}.", last_said(request.messages));
        async move {
            for piece in answer.split_inclusive(' ') {
                deltas.say(Delta::Text(piece.to_owned()));
                yield_now().await;
            }
            Ok(reply(&answer, Vec::new()))
        }
        .boxed()
    }

    fn refuses_for(&self) -> Option<std::time::Duration> {
        None
    }
}

/// Adds milk, and says so once it is there.
#[derive(Debug)]
pub(super) struct Adder;

impl Model for Adder {
    fn reply<'a>(
        &'a self,
        request: ModelRequest<'a>,
        deltas: &'a Deltas,
    ) -> BoxFuture<'a, Result<Reply, ModelError>> {
        let is_done = matches!(request.messages.last(), Some(Message::Tools { .. }));
        async move {
            if !is_done {
                return Ok(reply("", tool_calls(&[("add", json!({ "title": "milk" }))])));
            }
            deltas.say(Delta::Text("Added.".to_owned()));
            Ok(reply("Added.", Vec::new()))
        }
        .boxed()
    }

    fn refuses_for(&self) -> Option<std::time::Duration> {
        None
    }
}

/// Does what the first word of the message says: do, ask, fail, hang, or repeat it.
#[derive(Debug)]
pub(super) struct Obedient;

impl Model for Obedient {
    fn reply<'a>(
        &'a self,
        request: ModelRequest<'a>,
        deltas: &'a Deltas,
    ) -> BoxFuture<'a, Result<Reply, ModelError>> {
        let text = last_said(request.messages).to_owned();
        let is_done = matches!(request.messages.last(), Some(Message::Tools { .. }));
        async move {
            match text.split(' ').next() {
                Some("do") if !is_done => {
                    return Ok(reply("", tool_calls(&[("add", json!({ "title": text }))])));
                }
                Some("ask") => {
                    let question = json!({ "question": "Which?", "options": ["a", "b"] });
                    let asks = json!({ "questions": [question] });
                    return Ok(reply("", tool_calls(&[("ask_user", asks)])));
                }
                Some("fail") => return Err(ModelError::Malformed),
                Some("hang") => {
                    deltas.say(Delta::Text("Half".to_owned()));
                    return pending().await;
                }
                Some(_) | None => {}
            }
            let answer = format!("You said {text}.");
            deltas.say(Delta::Text(answer.clone()));
            Ok(reply(&answer, Vec::new()))
        }
        .boxed()
    }

    fn refuses_for(&self) -> Option<std::time::Duration> {
        None
    }
}

/// A model, or a tool, that panics the first time.
#[derive(Debug, Default)]
pub(super) struct Panics(AtomicBool, Echo);

impl Panics {
    fn once(&self) {
        assert!(self.0.swap(true, Ordering::Relaxed), "as the test wants it");
    }
}

impl Model for Panics {
    fn reply<'a>(
        &'a self,
        request: ModelRequest<'a>,
        deltas: &'a Deltas,
    ) -> BoxFuture<'a, Result<Reply, ModelError>> {
        async move {
            self.once();
            self.1.reply(request, deltas).await
        }
        .boxed()
    }

    fn refuses_for(&self) -> Option<std::time::Duration> {
        None
    }
}

impl Tools for Panics {
    fn settled(&self) -> BoxFuture<'_, ()> {
        async {}.boxed()
    }

    fn catalog(&self) -> Arc<Catalog> {
        Arc::new(catalog(&["add"]))
    }

    fn give_up(&self, _: &str) {}

    fn call<'a>(&'a self, _: ToolRequest<'a>) -> BoxFuture<'a, Result<ToolOutput, ToolError>> {
        async move {
            self.once();
            Ok(said("yes", "add"))
        }
        .boxed()
    }
}

/// What the person said last.
fn last_said(messages: &[Message]) -> &str {
    let said = messages.iter().rev().find_map(|message| match message {
        Message::User { text } => Some(text.as_str()),
        Message::Assistant(_) | Message::Tools { .. } | Message::Note { .. } => None,
    });
    said.unwrap_or_default()
}
