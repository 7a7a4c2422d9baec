//! An answer that reaches its budget: asks the user whether to continue (ADR 16).

use super::super::admission::HeldThread;
use super::super::record::recorder::Recorded;
use super::super::record::wording::note;
use super::super::request::now;
use super::super::{Entry, TurnEnd};
use base::agents::{Finish, Limit, Overspent};
use base::domain::{
    Choice, Item, ItemContent, ItemId, Message, Outcome, OutputText, Question, QuestionKind, Spend,
    SpendByModel, ThreadId,
};

/// Questions of the model are numbered, so none of them has this id.
const ID: &str = "budget";
const GO_ON: &str = "Go on";
const STOP: &str = "Stop here";

const STOPPED: &str = "I stopped here, as you chose.";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BudgetDecision {
    /// A new turn with a new budget.
    GoOn,
    Stop,
}

/// The question whether to continue. `thread` is the total of the thread, this answer included.
pub(crate) fn question(over: &Overspent, thread: &Spend) -> Question {
    let Overspent { spent, limit } = over;
    let question = format!(
        "Since you last spoke I have used {spent}, and the limit is {limit}. \
         The whole conversation has used {thread}. Shall I go on?"
    );
    let options = [GO_ON, STOP].map(|value| Choice { value: value.to_owned() }).into();
    let kind = QuestionKind::MultipleChoice { options, multiple: false };
    Question { id: ID.to_owned(), question, answer: None, kind }
}

/// The answer to that question, if the item is one. `None` for the user's own text, which the model
/// reads.
pub(crate) fn decision(item: &Item) -> Option<BudgetDecision> {
    let ItemContent::StructuredInput { inputs, .. } = &item.content else { return None };
    let [Question { id, answer: Some(answer), .. }] = inputs.as_slice() else { return None };
    if id != ID {
        return None;
    }
    match answer.values.first().map(String::as_str) {
        Some(GO_ON) => Some(BudgetDecision::GoOn),
        // Skipping stops: nothing is spent that the user did not agree to (ADR 16).
        Some(STOP) | None => Some(BudgetDecision::Stop),
        Some(_) => None,
    }
}

/// What the model is told. It asked nothing, so it is not told of a "go on".
pub(crate) fn message(decision: BudgetDecision) -> Option<Message> {
    match decision {
        BudgetDecision::GoOn => None,
        BudgetDecision::Stop => note(&Finish::Cancelled).map(|text| Message::Note { text }),
    }
}

/// Tells the operator which setting ended an answer. The user cannot change it.
pub(crate) fn log(over: &Overspent) {
    let variable = match over.limit {
        Limit::Tokens(_) => "MAX_TURN_TOKENS",
        Limit::Cost(_) => "MAX_TURN_COST_USD",
    };
    tracing::info!(limit = variable, "The turn reached its limit");
}

/// The end of a turn that the user does not want to continue. The model is not asked.
pub(crate) fn stopped(held: &HeldThread, thread: &ThreadId, root: &ItemId) -> Recorded {
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
        confirmation: None,
        sign_ins: Vec::new(),
    };
    Recorded { end, last, is_final: true, spends: SpendByModel::default() }
}
