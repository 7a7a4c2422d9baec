//! Models that need no script: what they say follows from what they are sent.

use std::sync::atomic::{AtomicUsize, Ordering};

use futures::FutureExt;
use futures::future::BoxFuture;
use orchestrator::agents::{Delta, Deltas, Model, ModelError, ModelRequest};
use orchestrator::domain::{Message, Reply};
use tokio::task::yield_now;

use crate::support::doubles::reply;

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
                deltas.say(Delta::Text(piece.to_owned())).await;
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

/// What the person said last.
fn last_said(messages: &[Message]) -> &str {
    let said = messages.iter().rev().find_map(|message| match message {
        Message::User { text } => Some(text.as_str()),
        Message::Assistant(_) | Message::Tools { .. } | Message::Note { .. } => None,
    });
    said.unwrap_or_default()
}
