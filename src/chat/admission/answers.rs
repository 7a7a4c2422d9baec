//! Begins a turn with the answers to a form, and continues the message that the form was asked for.

use super::super::context::ChatContext;
use super::super::forms::budget::{BudgetDecision, decision};
use super::super::forms::questions::{self, settled, skip, waiting};
use super::super::forms::{approval, inquiry};
use super::super::repeat::{KeptCalls, kept_after};
use super::super::request::choice::choice_in;
use super::super::{BeginError, Entry, Fact, Resource};
use super::begin::{Plan, ResumedCalls, Started};
use super::enter::Entered;
use base::agents::InquiryVerdicts;
use base::domain::{Answers, Item, ItemContent, ItemId};

/// Answers that arrive for the first time.
pub(super) async fn add_answers(
    chat: &ChatContext,
    item: &ItemId,
    answers: &Answers,
    entered: &Entered,
) -> Result<Started, BeginError> {
    let (root, asked) = form(chat, item, entered).await?;
    // A form is answered once; a message sent instead of an answer settles it as well (ADR 13).
    // What is said to all questions at once is an approval, and answers nothing else (ADR 38).
    let declines = inquiry::is_form(&asked) && *answers == Answers::declining();
    let fits = answers.otherwise.is_none() || declines || approval::is_form(&asked);
    if waiting(&asked).is_none() || !fits {
        return Err(BeginError::NotWaiting);
    }
    // Nothing is declined for good because of a misspelt id.
    if answers.otherwise.is_some() && !declines && !approval::knows(&asked, answers.answers.keys())
    {
        return Err(BeginError::UnknownItem);
    }
    let settled = if declines { settled(asked, &skip()) } else { settled(asked, answers) };
    let message = questions::message(&settled);
    let entry = Entry { root: root.clone(), item: Some(settled.clone()), message };
    let answered = answered(chat, root, settled, entered).await?;
    Ok(Started { entries: vec![entry], ..answered })
}

/// Answers that an earlier copy of the request has stored (ADR 22).
pub(super) async fn answer_again(
    chat: &ChatContext,
    item: &ItemId,
    entered: &Entered,
) -> Result<Started, BeginError> {
    let (root, settled) = form(chat, item, entered).await?;
    let KeptCalls { entries, begun } = kept_after(chat, item, &root, entered).await?;
    let mut answered = answered(chat, root, settled, entered).await?;
    answered.resumed.begun = begun;
    Ok(Started { rewind_to: Some(item.clone()), entries, ..answered })
}

/// The root of a form (the message that it was asked for), and the form.
async fn form(
    chat: &ChatContext,
    item: &ItemId,
    entered: &Entered,
) -> Result<(ItemId, Item), BeginError> {
    let asked = chat.store.entry(&entered.thread.id, item).await?;
    let asked = asked.ok_or(BeginError::UnknownItem)?;
    let is_form = |item: &Item| matches!(item.content, ItemContent::StructuredInput { .. });
    let form = asked.item.filter(is_form).ok_or(BeginError::NotWaiting)?;
    Ok((asked.root, form))
}

/// A turn that goes on with a settled form.
pub(super) async fn answered(
    chat: &ChatContext,
    root: ItemId,
    settled: Item,
    entered: &Entered,
) -> Result<Started, BeginError> {
    let said = chat.store.item(&entered.thread.id, &root).await?;
    let stops = decision(&settled) == Some(BudgetDecision::Stop);
    let answered = approval::verdicts(&settled);
    let granted = approval::granted(&settled, &entered.thread.granted);
    let replies = replies(chat, &root, &settled, entered).await?;
    // What a server asked about in the middle of a call was begun.
    let thread = Resource::from(&entered.thread.id);
    let begun =
        if replies.is_empty() { Vec::new() } else { chat.store.effects(&thread, &root).await? };
    let begun = begun.into_iter().map(|done| done.effect.key).collect();
    Ok(Started {
        root,
        rewind_to: None,
        entries: Vec::new(),
        events: vec![Fact::Stoppable, Fact::ItemReplaced(Box::new(settled))],
        // An answer chooses no model of its own: it has the choice of its message (ADR 17).
        choice: said.as_ref().and_then(choice_in),
        plan: if stops { Plan::StopHere } else { Plan::Answer },
        resumed: ResumedCalls { answered, begun, replies },
        granted,
    })
}

/// What a settled form means for the calls whose servers asked (ADR 44).
pub(crate) async fn replies(
    chat: &ChatContext,
    root: &ItemId,
    form: &Item,
    entered: &Entered,
) -> Result<InquiryVerdicts, BeginError> {
    if !inquiry::is_form(form) {
        return Ok(InquiryVerdicts::default());
    }
    let turn = chat.store.turn(&entered.thread.id, root).await?;
    let items = turn.iter().filter_map(|entry| entry.item.as_ref());
    Ok(inquiry::verdicts(form, inquiry::waiting_behind(&form.id, items)))
}
