//! Answers a message again: what was said is deleted, what was done is kept, and the model sees it
//! (ADR 12).

use std::collections::HashSet;

use super::super::admission::{Entered, Plan, ResumedCalls, Started, replies};
use super::super::context::ChatContext;
use super::super::forms::{approval, inquiry};
use super::super::history::unknown;
use super::super::request::choice::choice_in;
use super::super::{BeginError, DoneEffect, Entry, Fact, Resource};
use base::agents::ASK_USER;
use base::domain::{
    Assistant, CallId, CallKey, ItemContent, ItemId, Message, ToolCall, ToolResult,
};

/// Of a turn that is tried again: what was done.
pub(crate) struct KeptCalls {
    pub(crate) entries: Vec<Entry>,
    /// The keys of calls that were begun: they are not asked for again (ADR 38).
    pub(crate) begun: HashSet<String>,
}

/// How a turn begins that answers a message of the user again.
pub(crate) async fn try_again(
    chat: &ChatContext,
    item: &ItemId,
    entered: &Entered,
) -> Result<Started, BeginError> {
    let entry = chat.store.entry(&entered.thread.id, item).await?;
    let Entry { root, item: asked, .. } = entry.ok_or(BeginError::UnknownItem)?;
    let asked = asked.ok_or(BeginError::UnknownItem)?;
    if !matches!(asked.content, ItemContent::UserMessage { .. }) {
        return Err(BeginError::NotAMessage);
    }
    let KeptCalls { entries, begun } = kept_after(chat, item, &root, entered).await?;
    let resumed = if root == *item {
        ResumedCalls::default()
    } else {
        said_before(chat, item, &root, entered).await?
    };
    Ok(Started {
        rewind_to: Some(item.clone()),
        entries,
        events: vec![Fact::Stoppable],
        choice: choice_in(&asked),
        root,
        plan: Plan::Answer,
        resumed: ResumedCalls { begun, ..resumed },
        granted: None,
    })
}

/// What a message that was a plain yes or no decided: the form before it has it (ADR 38, ADR 44).
async fn said_before(
    chat: &ChatContext,
    item: &ItemId,
    root: &ItemId,
    entered: &Entered,
) -> Result<ResumedCalls, BeginError> {
    let turn = chat.store.turn(&entered.thread.id, root).await?;
    let items = turn.into_iter().filter_map(|entry| entry.item);
    let before: Vec<_> = items.take_while(|one| one.id != *item).collect();
    let form = before.iter().rev().find(|it| approval::is_form(it) || inquiry::is_form(it));
    let Some(form) = form else { return Ok(ResumedCalls::default()) };
    let replies = replies(chat, root, form, entered).await?;
    Ok(ResumedCalls { answered: approval::verdicts(form), replies, ..ResumedCalls::default() })
}

/// Of everything after an item of a turn: what was done, not what was said. Calls whose form goes with
/// the rest are given up (ADR 44).
pub(crate) async fn kept_after(
    chat: &ChatContext,
    item: &ItemId,
    root: &ItemId,
    entered: &Entered,
) -> Result<KeptCalls, BeginError> {
    let thread = &entered.thread.id;
    let mut entries = chat.store.turn(thread, root).await?;
    let effects = chat.store.effects(&Resource::from(thread), root).await?;
    let begun = effects.iter().map(|done| done.effect.key.clone()).collect();
    let is_asked = |entry: &Entry| entry.item.as_ref().is_some_and(|one| one.id == *item);
    let place = entries.iter().position(is_asked).map_or(entries.len(), |place| place + 1);
    let later = entries.split_off(place);
    let items = |of: &[Entry]| inquiry::tickets(of.iter().filter_map(|it| it.item.as_ref()));
    items(&later).difference(&items(&entries)).for_each(|it| chat.tools.give_up(it));
    Ok(KeptCalls { entries: kept(root, &entries, later, effects), begun })
}

/// Calls and their results, without text. The last calls are left open unless all of them
/// succeeded. Then they are made again, and the journal knows by their keys what was done.
fn kept(
    root: &ItemId,
    earlier: &[Entry],
    later: Vec<Entry>,
    effects: Vec<DoneEffect>,
) -> Vec<Entry> {
    let mut untold = effects;
    // Calls before the item stay in the transcript, so the model sees these effects anyway.
    for call in earlier.iter().filter_map(|entry| entry.message.as_ref()).flat_map(calls_of) {
        take_effect(call, &mut untold);
    }
    let mut kept = Vec::new();
    let mut messages = later.into_iter().filter_map(|entry| entry.message).peekable();
    // Results of calls before the item, which waited for it (ADR 38).
    let is_result = |message: &Message| matches!(message, Message::Tools { .. });
    kept.extend(messages.next_if(is_result));
    while let Some(message) = messages.next() {
        let Message::Assistant(said) = message else { continue };
        // The form is deleted with the rest; a question without it would stay unanswered.
        let mut calls: Vec<_> =
            said.calls.into_iter().filter(|call| call.name != ASK_USER).collect();
        if calls.is_empty() {
            continue;
        }
        let mut results = Vec::new();
        while let Some(Message::Tools { results: more }) = messages.next_if(is_result) {
            results.extend(more);
        }
        let results = calls.iter_mut().map(|call| result_of(call, &results, &mut untold)).collect();
        kept.push(Message::Assistant(Assistant { calls, ..said }));
        kept.push(Message::Tools { results });
    }
    kept.extend(told_now(untold));
    // Without their results these calls are made again before the model is asked.
    if kept.last().is_some_and(has_failures) {
        kept.pop();
    }
    let entry = |message| Entry { root: root.clone(), item: None, message: Some(message) };
    kept.into_iter().map(entry).collect()
}

fn calls_of(message: &Message) -> &[ToolCall] {
    match message {
        Message::Assistant(said) => &said.calls,
        Message::User { .. } | Message::Tools { .. } | Message::Note { .. } => &[],
    }
}

fn has_failures(message: &Message) -> bool {
    matches!(message, Message::Tools { results } if results.iter().any(|result| result.is_error))
}

/// Removes the effect of a call from the list. Calls stored by earlier versions have no key: theirs
/// is the first effect with the same tool and arguments.
fn take_effect(call: &ToolCall, untold: &mut Vec<DoneEffect>) -> Option<DoneEffect> {
    let is_its = |done: &DoneEffect| match &call.key {
        Some(key) => done.effect.key == key.as_str(),
        None => done.effect.tool == call.name && done.effect.arguments == call.arguments,
    };
    untold.iter().position(is_its).map(|place| untold.remove(place))
}

/// The result that the model saw, otherwise the one in the journal. From now on the call has the
/// key of its effect.
fn result_of(
    call: &mut ToolCall,
    results: &[ToolResult],
    untold: &mut Vec<DoneEffect>,
) -> ToolResult {
    let done = take_effect(call, untold);
    if call.key.is_none() {
        let key = done.as_ref().map(|done| CallKey::from(done.effect.key.as_str()));
        call.key = Some(key.unwrap_or_else(CallKey::new_key));
    }
    match results.iter().find(|result| result.id == call.id) {
        Some(result) => result.clone(),
        None => done.map_or_else(|| unknown(call), |done| answer(call, done.output)),
    }
}

/// Calls and results for effects whose calls are not in the transcript.
fn told_now(untold: Vec<DoneEffect>) -> Vec<Message> {
    let made = |done: DoneEffect| {
        let DoneEffect { effect, output } = done;
        let call = ToolCall {
            id: CallId::synthesised(),
            name: effect.tool,
            tool: None,
            arguments: effect.arguments,
            extra: None,
            key: Some(CallKey::from(effect.key)),
        };
        let result = answer(&call, output);
        (call, result)
    };
    let (calls, results): (Vec<_>, Vec<_>) = untold.into_iter().map(made).unzip();
    if calls.is_empty() {
        return Vec::new();
    }
    let said = Assistant { calls, ..Assistant::default() };
    vec![Message::Assistant(said), Message::Tools { results }]
}

fn answer(call: &ToolCall, output: Option<String>) -> ToolResult {
    match output {
        Some(output) => {
            let (id, name) = (call.id.clone(), call.name.clone());
            ToolResult { id, name, output, is_error: false, origin: None }
        }
        None => unknown(call),
    }
}
