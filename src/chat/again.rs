//! Answering a message once more: what was done for it stays done, and the model sees it.

use std::collections::VecDeque;

use super::history::unknown;
use super::hold::Hold;
use super::shared::Shared;
use super::{BeginError, DoneEffect, Entry, ThreadEvent};
use crate::agents::ASK_USER;
use crate::domain::{Assistant, CallId, ItemContent, ItemId, Message, ToolCall, ToolResult};

impl Shared {
    /// Begins a turn for a message that is there.
    pub(super) async fn try_again(
        &self,
        item: &ItemId,
        hold: &Hold,
    ) -> Result<(Vec<ThreadEvent>, ItemId), BeginError> {
        let thread = &hold.lease.thread;
        let asked = self.store.item(thread, item).await?.ok_or(BeginError::UnknownItem)?;
        if !matches!(asked.content, ItemContent::UserMessage { .. }) {
            return Err(BeginError::NotAMessage);
        }
        self.rewind(item, hold).await?;
        Ok((vec![ThreadEvent::Stoppable], item.clone()))
    }

    /// Forgets what came after an item, but for what was done for it.
    pub(super) async fn rewind(&self, item: &ItemId, hold: &Hold) -> Result<(), BeginError> {
        let thread = &hold.lease.thread;
        let (mut later, mut effects) = (Vec::new(), Vec::new());
        let mut turns = VecDeque::from([item.clone()]);
        while let Some(turn) = turns.pop_front() {
            let entries = self.store.turn(thread, &turn).await?;
            let entries = entries.into_iter().filter(|entry| !is_of(entry, &turn));
            for entry in entries {
                // What was done once a form was answered was done for the message before it.
                turns.extend(form_in(&entry));
                later.push(entry);
            }
            effects.extend(self.store.effects(thread, &turn).await?);
        }
        Ok(self.store.rewind(&hold.lease, item, kept(item, later, effects)).await?)
    }
}

/// What is kept of the earlier tries at a message: calls and their results, nothing that was said.
/// The last calls are left open unless all of them succeeded, so that they are made once more:
/// what was done for them is known by its key.
fn kept(turn: &ItemId, earlier: Vec<Entry>, effects: Vec<DoneEffect>) -> Vec<Entry> {
    let mut untold = effects;
    let mut kept = Vec::new();
    let mut messages = earlier.into_iter().filter_map(|entry| entry.message).peekable();
    while let Some(message) = messages.next() {
        let Message::Assistant(said) = message else { continue };
        let calls: Vec<_> = said.calls.into_iter().filter(|call| call.name != ASK_USER).collect();
        if calls.is_empty() {
            continue;
        }
        let results = match messages.peek() {
            Some(Message::Tools { results }) => results.clone(),
            _ => Vec::new(),
        };
        let results = calls.iter().map(|call| result_of(call, &results, &mut untold)).collect();
        kept.push(Message::Assistant(Assistant { calls, ..said }));
        kept.push(Message::Tools { results });
    }
    kept.extend(told_now(untold));
    if kept.last().is_some_and(has_failures) {
        kept.pop();
    }
    let entry = |message| Entry { turn: turn.clone(), item: None, message: Some(message) };
    kept.into_iter().map(entry).collect()
}

fn has_failures(message: &Message) -> bool {
    matches!(message, Message::Tools { results } if results.iter().any(|result| result.is_error))
}

/// The result that the model saw, or else the one that the journal knows.
fn result_of(call: &ToolCall, results: &[ToolResult], untold: &mut Vec<DoneEffect>) -> ToolResult {
    let is_same = |done: &DoneEffect| {
        done.effect.tool == call.name && done.effect.arguments == call.arguments
    };
    let done = untold.iter().position(is_same).map(|place| untold.remove(place));
    match results.iter().find(|result| result.id == call.id) {
        Some(result) => result.clone(),
        None => done.map_or_else(|| unknown(call), |done| answer(call, done)),
    }
}

/// Effects of calls that were lost with the process that made them.
fn told_now(untold: Vec<DoneEffect>) -> Vec<Message> {
    let made = |done: DoneEffect| {
        let DoneEffect { effect, output } = done;
        let (name, arguments) = (effect.tool.clone(), effect.arguments.clone());
        let call = ToolCall { id: CallId::synthesised(), name, arguments, extra: None };
        let result = answer(&call, DoneEffect { effect, output });
        (call, result)
    };
    let (calls, results): (Vec<_>, Vec<_>) = untold.into_iter().map(made).unzip();
    if calls.is_empty() {
        return Vec::new();
    }
    let said = Assistant { calls, ..Assistant::default() };
    vec![Message::Assistant(said), Message::Tools { results }]
}

fn answer(call: &ToolCall, done: DoneEffect) -> ToolResult {
    match done.output {
        Some(output) => {
            ToolResult { id: call.id.clone(), name: call.name.clone(), output, is_error: false }
        }
        None => unknown(call),
    }
}

fn is_of(entry: &Entry, id: &ItemId) -> bool {
    entry.item.as_ref().is_some_and(|item| item.id == *id)
}

fn form_in(entry: &Entry) -> Option<ItemId> {
    let item = entry.item.as_ref()?;
    matches!(item.content, ItemContent::StructuredInput { .. }).then(|| item.id.clone())
}
