//! Sends a turn again from what is stored of it.

use super::super::admission::{Admitted, beginning};
use super::super::context::ChatContext;
use super::super::forms::questions;
use super::super::history::unknown;
use super::super::record::wording::{FORGOTTEN, overtaken};
use super::super::request::job::TurnJob;
use super::super::{Ask, BeginError, Entry, Fact, Received, ToolRecord, TurnEnd};
use base::agents::ASK_USER;
use base::domain::{Item, ItemContent, ItemId, Message, Outcome, Spend, ToolCall, ToolResult};

/// Sends the stored part of an earlier copy's turn, which ends as that turn did. If that did
/// not end for good, or a retry of an earlier message deleted it, the end says so, unless a
/// later try has answered the message (ADR 22).
pub(super) async fn replay(
    chat: &ChatContext,
    job: &mut TurnJob,
    earlier: &Received,
) -> Result<Admitted, BeginError> {
    let receipt = &earlier.receipt;
    (job.thread, job.item) = (receipt.thread.clone(), receipt.item.clone());
    let found = chat.store.find(job.owner(), &job.thread).await?;
    let thread = found.ok_or(BeginError::UnknownThread)?;
    let asked = chat.store.entry(&thread.id, &job.item).await?;
    let is_forgotten = asked.is_none();
    let entries = match &asked {
        Some(asked) => answers_to(&job.item, chat.store.turn(&thread.id, &asked.root).await?),
        None => Vec::new(),
    };
    let first = asked.and_then(|asked| asked.item);
    let begins = match &job.request.ask {
        Ask::Message(_) => beginning(&thread, receipt.is_new, first),
        Ask::Retry { .. } => vec![Fact::Stoppable],
        Ask::Answer { .. } => {
            let replaced = first.map(|item| Fact::ItemReplaced(Box::new(item)));
            [Fact::Stoppable].into_iter().chain(replaced).collect()
        }
    };
    let (text, tool_calls) = (texts(&entries), calls(&entries));
    let final_end = earlier.end.as_ref().map(|end| &end.ending).filter(|end| end.is_final);
    let (outcome, told) = match final_end {
        // No entry is left, and a stream must not stop without an end (ADR 22).
        _ if is_forgotten => (Outcome::Cancelled, Some(FORGOTTEN.to_owned())),
        Some(end) => (end.outcome, end.told.clone()),
        // A later try of the same message may have answered it.
        None => match whole_end(&entries) {
            Some(outcome) => (outcome, None),
            None => (Outcome::Cancelled, Some(overtaken(&tool_calls))),
        },
    };
    // A process that died wrote no cost; what it was billed is unknown (ADR 16).
    let spend = earlier.end.as_ref().map_or_else(Spend::unknown, |end| end.ending.spend);
    let thread_spend = Some(thread.spent);
    let thread = thread.id;
    let end = TurnEnd { thread, outcome, told, text, tool_calls, spend, thread_spend };
    let items = entries.into_iter().filter_map(|entry| entry.item);
    let items = items.map(|item| Fact::ItemKept(Box::new(item)));
    let mut events: Vec<_> = begins.into_iter().chain(items).collect();
    events.push(Fact::Ended(Box::new(end)));
    Ok(Admitted::Replayed(events))
}

/// The entries after an item in its turn, up to the next form: what follows belongs to the form's
/// answer.
fn answers_to(item: &ItemId, entries: Vec<Entry>) -> Vec<Entry> {
    let is_asked = |entry: &Entry| entry.item.as_ref().is_some_and(|one| one.id == *item);
    let after = entries.into_iter().skip_while(|entry| !is_asked(entry)).skip(1);
    let mut followed = Vec::new();
    for entry in after {
        let ends = entry.item.as_ref().is_some_and(is_form);
        followed.push(entry);
        if ends {
            break;
        }
    }
    followed
}

/// How these entries end, if they are a complete answer. A cut one has a note for the model behind
/// it.
fn whole_end(entries: &[Entry]) -> Option<Outcome> {
    if entries.last()?.item.as_ref().is_some_and(is_form) {
        return Some(Outcome::AwaitingInput);
    }
    match entries.iter().rev().find_map(|entry| entry.message.as_ref())? {
        Message::Assistant(said) if said.calls.is_empty() => Some(Outcome::Completed),
        Message::Assistant(_)
        | Message::Tools { .. }
        | Message::User { .. }
        | Message::Note { .. } => None,
    }
}

fn is_form(item: &Item) -> bool {
    matches!(item.content, ItemContent::StructuredInput { .. })
}

fn texts(entries: &[Entry]) -> String {
    let items = entries.iter().filter_map(|entry| entry.item.as_ref());
    let texts = items.filter_map(|item| match &item.content {
        ItemContent::AssistantMessage { content } => {
            Some(content.iter().map(|part| part.text.as_str()).collect())
        }
        ItemContent::StructuredInput { inputs, .. } => Some(questions::as_text(inputs)),
        ItemContent::UserMessage { .. }
        | ItemContent::Workflow { .. }
        | ItemContent::Task { .. }
        | ItemContent::ClientToolCall { .. }
        | ItemContent::Widget { .. }
        | ItemContent::GeneratedImage { .. }
        | ItemContent::EndOfTurn {}
        | ItemContent::HiddenContextItem { .. }
        | ItemContent::SdkHiddenContext { .. } => None,
    });
    texts.collect::<Vec<String>>().join("\n\n")
}

/// The calls of these entries, each with the result of its own round: ids of calls may repeat in
/// the next one. Calls without a result have an unknown outcome.
fn calls(entries: &[Entry]) -> Vec<ToolRecord> {
    let (mut records, mut called) = (Vec::new(), [].as_slice());
    for message in entries.iter().filter_map(|entry| entry.message.as_ref()) {
        match message {
            Message::Assistant(said) => {
                records.extend(of_unknown_end(called));
                called = &said.calls;
            }
            Message::Tools { results } => {
                records.extend(results.iter().filter_map(|result| record(called, result)));
                called = &[];
            }
            Message::User { .. } | Message::Note { .. } => {}
        }
    }
    records.extend(of_unknown_end(called));
    records
}

fn of_unknown_end(called: &[ToolCall]) -> impl Iterator<Item = ToolRecord> {
    called.iter().filter_map(|call| record(called, &unknown(call)))
}

fn record(called: &[ToolCall], result: &ToolResult) -> Option<ToolRecord> {
    let call = called.iter().find(|call| call.id == result.id && call.name != ASK_USER)?;
    Some(ToolRecord {
        name: result.name.clone(),
        arguments: call.arguments.clone(),
        is_error: result.is_error,
        result: result.output.clone(),
    })
}
