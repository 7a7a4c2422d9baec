//! Questions to the user: how they are shown, answered, and passed to the model (ADR 13).

use std::fmt::Write as _;

use super::super::request::now;
use super::{approval, budget, inquiry};
use base::domain::{
    Answer, AnswerStatus, Answers, Item, ItemContent, ItemId, Message, Question, QuestionKind,
    ThreadId,
};

/// The form that shows the questions.
pub(crate) fn pending(thread: &ThreadId, inputs: Vec<Question>) -> Item {
    let content = ItemContent::StructuredInput { status: AnswerStatus::Pending, inputs };
    Item { id: ItemId::new_question(), thread_id: thread.clone(), created_at: now(), content }
}

/// The questions of a form that is not answered yet.
pub(crate) fn waiting(item: &Item) -> Option<&[Question]> {
    let ItemContent::StructuredInput { status, inputs } = &item.content else { return None };
    Some(inputs.as_slice()).filter(|_| *status == AnswerStatus::Pending)
}

/// The form with its answers filled in.
pub(crate) fn settled(mut item: Item, answers: &Answers) -> Item {
    if let ItemContent::StructuredInput { status, inputs } = &mut item.content {
        for question in &mut *inputs {
            question.settle(answers);
        }
        let was_skipped = answers.status == AnswerStatus::Skipped;
        *status = if was_skipped { AnswerStatus::Skipped } else { AnswerStatus::Answered };
    }
    item
}

/// The answer that a typed message means: the option that it names, otherwise a skip.
pub(crate) fn answers_in(words: &str, questions: &[Question]) -> Answers {
    let [question] = questions else { return skip() };
    let Some(option) = question.option_named(words) else { return skip() };
    let answer = Answer { values: vec![option.to_owned()], skipped: false };
    let answers = [(question.id.clone(), answer)].into();
    Answers { status: AnswerStatus::Answered, answers, otherwise: None }
}

pub(crate) fn skip() -> Answers {
    Answers { status: AnswerStatus::Skipped, ..Answers::default() }
}

/// The answers as a message of the user; `None` if they are not for the model.
pub(crate) fn message(item: &Item) -> Option<Message> {
    if let Some(decision) = budget::decision(item) {
        return budget::message(decision);
    }
    let ItemContent::StructuredInput { inputs, .. } = &item.content else { return None };
    if approval::asks(inputs) || inquiry::asks(inputs) {
        return None; // The results of the calls say it (ADR 38).
    }
    let text = match inputs.as_slice() {
        [only] => words(only),
        several => {
            let lines = several.iter().map(|one| format!("{} → {}", one.question, words(one)));
            lines.collect::<Vec<_>>().join("\n")
        }
    };
    Some(Message::User { text })
}

/// The questions as text, for clients without forms.
pub(crate) fn as_text(questions: &[Question]) -> String {
    if approval::asks(questions) {
        return approval::as_text(questions);
    }
    let mut text = String::new();
    for question in questions {
        let start = if text.is_empty() { "" } else { "\n\n" };
        // Writing to a string cannot fail.
        write!(text, "{start}{}", question.question).unwrap_or_default();
        if let QuestionKind::MultipleChoice { options, .. } = &question.kind {
            for option in options {
                write!(text, "\n- {}", option.value).unwrap_or_default();
            }
        }
    }
    text
}

const SKIPPED: &str = "(skipped)";

fn words(question: &Question) -> String {
    match &question.answer {
        Some(answer) if !answer.values.is_empty() => answer.values.join(", "),
        _ => SKIPPED.to_owned(),
    }
}
