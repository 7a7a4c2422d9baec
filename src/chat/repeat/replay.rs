//! Sends a turn again from what is stored of it.

use super::super::admission::{Admitted, beginning};
use super::super::context::ChatContext;
use super::super::forms::approval::{self, Confirmation};
use super::super::forms::{inquiry, questions};
use super::super::history::unknown;
use super::super::record::wording::{FORGOTTEN, overtaken};
use super::super::request::job::TurnJob;
use super::super::{Ask, BeginError, Entry, Fact, Received, ToolRecord, TurnEnd};
use base::agents::{ASK_USER, open_calls};
use base::domain::{
    Item, ItemContent, ItemId, Message, Outcome, Spend, Thread, ToolCall, ToolResult,
};

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
    let (before, entries) = match &asked {
        Some(asked) => answers_to(&job.item, chat.store.turn(&thread.id, &asked.root).await?),
        None => (Vec::new(), Vec::new()),
    };
    let first = asked.and_then(|asked| asked.item);
    let begins = begins(&job.request.ask, &thread, receipt.is_new, first);
    let (text, confirmation) = (texts(&entries), confirmation(&entries).map(Box::new));
    let tool_calls = calls(&before, &entries, ends_with_waiting_calls(&entries));
    let (outcome, told) = if is_forgotten {
        // No entry is left, and a stream must not stop without an end (ADR 22).
        (Outcome::Cancelled, Some(FORGOTTEN.to_owned()))
    } else {
        ending(earlier, &entries, &tool_calls)
    };
    // A process that died wrote no cost; what it was billed is unknown (ADR 16).
    let spend = earlier.end.as_ref().map_or_else(Spend::unknown, |end| end.ending.spend);
    let (thread_spend, thread) = (Some(thread.spent), thread.id);
    // Its link was not stored; who asks again gets another (ADR 46).
    let sign_ins = Vec::new();
    let end = TurnEnd {
        thread,
        outcome,
        told,
        text,
        tool_calls,
        spend,
        thread_spend,
        confirmation,
        sign_ins,
    };
    let items = entries.into_iter().filter_map(|entry| entry.item);
    let items = items.map(|item| Fact::ItemKept(Box::new(item)));
    let mut events: Vec<_> = begins.into_iter().chain(items).collect();
    events.push(Fact::Ended(Box::new(end)));
    Ok(Admitted::Replayed(events))
}

/// How the turn ended, and what the person is told of that.
fn ending(earlier: &Received, entries: &[Entry], done: &[ToolRecord]) -> (Outcome, Option<String>) {
    let final_end = earlier.end.as_ref().map(|end| &end.ending).filter(|end| end.is_final);
    match final_end {
        Some(end) => (end.outcome, end.told.clone()),
        // A later try of the same message may have answered it.
        None => match whole_end(entries) {
            Some(outcome) => (outcome, None),
            None => (Outcome::Cancelled, Some(overtaken(done))),
        },
    }
}

/// The facts that the stream began with.
fn begins(ask: &Ask, thread: &Thread, is_new: bool, first: Option<Item>) -> Vec<Fact> {
    match ask {
        Ask::Message(_) => beginning(thread, is_new, first),
        Ask::Retry { .. } => vec![Fact::Stoppable],
        Ask::Answer { .. } => {
            let replaced = first.map(|item| Fact::ItemReplaced(Box::new(item)));
            [Fact::Stoppable].into_iter().chain(replaced).collect()
        }
    }
}

/// The entries of a turn up to an item, and those after it up to the next form: what follows belongs
/// to the form's answer.
fn answers_to(item: &ItemId, mut entries: Vec<Entry>) -> (Vec<Entry>, Vec<Entry>) {
    let is_asked = |entry: &Entry| entry.item.as_ref().is_some_and(|one| one.id == *item);
    let place = entries.iter().position(is_asked).map_or(entries.len(), |place| place + 1);
    let mut after = entries.split_off(place);
    let is_form = |entry: &Entry| entry.item.as_ref().is_some_and(is_form);
    let end = after.iter().position(is_form).map_or(after.len(), |place| place + 1);
    after.truncate(end);
    (entries, after)
}

fn ends_with_waiting_calls(entries: &[Entry]) -> bool {
    let last = entries.last().and_then(|entry| entry.item.as_ref());
    last.is_some_and(|item| approval::is_form(item) || inquiry::is_form(item))
}

/// The calls that wait behind the form at the end, if it still does.
fn confirmation(entries: &[Entry]) -> Option<Confirmation> {
    let form = entries.last()?.item.as_ref()?;
    let messages: Vec<_> = entries.iter().filter_map(|entry| entry.message.clone()).collect();
    approval::stored_confirmation(form, &open_calls(&messages))
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
/// the next one. Calls without a result have an unknown outcome, unless they wait for a person.
fn calls(before: &[Entry], entries: &[Entry], waits: bool) -> Vec<ToolRecord> {
    let (mut records, mut open) = (Vec::new(), Vec::new());
    // Calls that waited for the item have their results after it (ADR 38).
    let earlier = before.iter().filter_map(|entry| entry.message.as_ref());
    earlier.for_each(|message| take_in(message, &mut open, &mut Vec::new()));
    for message in entries.iter().filter_map(|entry| entry.message.as_ref()) {
        take_in(message, &mut open, &mut records);
    }
    if !waits {
        records.extend(of_unknown_end(&open));
    }
    records
}

/// Adds the records of a message. The calls that have no result yet stay open.
fn take_in<'a>(message: &'a Message, open: &mut Vec<&'a ToolCall>, records: &mut Vec<ToolRecord>) {
    match message {
        Message::Assistant(said) => {
            records.extend(of_unknown_end(open));
            *open = said.calls.iter().collect();
        }
        Message::Tools { results } => {
            records.extend(results.iter().filter_map(|result| record(open, result)));
            open.retain(|call| !results.iter().any(|result| result.id == call.id));
        }
        Message::User { .. } | Message::Note { .. } => {}
    }
}

fn of_unknown_end(called: &[&ToolCall]) -> impl Iterator<Item = ToolRecord> {
    called.iter().filter_map(|call| record(called, &unknown(call)))
}

fn record(called: &[&ToolCall], result: &ToolResult) -> Option<ToolRecord> {
    let call = called.iter().find(|call| call.id == result.id && call.name != ASK_USER)?;
    Some(ToolRecord {
        name: result.name.clone(),
        arguments: call.arguments.clone(),
        is_error: result.is_error,
        result: result.output.clone(),
    })
}
