//! An answer that costs more than it may: asking the person whether to go on, and what that means.

use super::super::admission::HeldThread;
use super::super::record::recorder::Recorded;
use super::super::record::wording::note;
use super::super::request::now;
use super::super::{Entry, TurnEnd};
use crate::agents::{Finish, Limit, Overspent};
use crate::domain::{
    Choice, Item, ItemContent, ItemId, Message, Outcome, OutputText, Question, QuestionKind, Spend,
    ThreadId,
};

/// No question of a model has this id: those are numbered.
const ID: &str = "budget";
const GO_ON: &str = "Go on";
const STOP: &str = "Stop here";

const STOPPED: &str = "I stopped here, as you chose.";

/// What the person wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::chat) enum BudgetDecision {
    /// The same again may be spent.
    GoOn,
    /// Nothing more is to be spent.
    Stop,
}

/// Asks whether to go on with an answer; the thread has cost so much with it.
pub(in crate::chat) fn question(over: &Overspent, thread: &Spend) -> Question {
    let Overspent { spent, limit } = over;
    let question = format!(
        "Since you last spoke I have used {spent}, and the limit is {limit}. \
         The whole conversation has used {thread}. Shall I go on?"
    );
    let options = [GO_ON, STOP].map(|value| Choice { value: value.to_owned() }).into();
    let kind = QuestionKind::MultipleChoice { options, multiple: false };
    Question { id: ID.to_owned(), question, answer: None, kind }
}

/// What was answered to that question, if the item is one. Words of one's own are for the model.
pub(in crate::chat) fn decision(item: &Item) -> Option<BudgetDecision> {
    let ItemContent::StructuredInput { inputs, .. } = &item.content else { return None };
    let [Question { id, answer: Some(answer), .. }] = inputs.as_slice() else { return None };
    if id != ID {
        return None;
    }
    match answer.values.first().map(String::as_str) {
        Some(GO_ON) => Some(BudgetDecision::GoOn),
        Some(STOP) | None => Some(BudgetDecision::Stop),
        Some(_) => None,
    }
}

/// What the model hears of it: it asked nothing, so going on is no news.
pub(in crate::chat) fn message(decision: BudgetDecision) -> Option<Message> {
    match decision {
        BudgetDecision::GoOn => None,
        BudgetDecision::Stop => note(&Finish::Cancelled).map(|text| Message::Note { text }),
    }
}

/// Tells the operator which setting ended an answer; people have no use for it.
pub(in crate::chat) fn log(over: &Overspent) {
    let variable = match over.limit {
        Limit::Tokens(_) => "MAX_TURN_TOKENS",
        Limit::Cost(_) => "MAX_TURN_COST_USD",
    };
    tracing::info!(limit = variable, "The turn has used up what it may cost");
}

/// How a turn ends that the person does not want to go on; the model is not asked.
pub(in crate::chat) fn stopped(held: &HeldThread, thread: &ThreadId, root: &ItemId) -> Recorded {
    let text = OutputText { annotations: Vec::new(), text: STOPPED.to_owned() };
    let item = Item {
        id: ItemId::new_message(),
        thread_id: thread.clone(),
        created_at: now(),
        content: ItemContent::AssistantMessage { content: vec![text] },
    };
    let last = Some(Entry { root: root.clone(), item: Some(item), message: None });
    let end = TurnEnd {
        thread: thread.clone(),
        outcome: Outcome::Cancelled,
        told: None,
        text: STOPPED.to_owned(),
        tool_calls: Vec::new(),
        spend: Spend::default(),
        thread_spend: Some(held.spent),
    };
    Recorded { end, last, is_final: true }
}
