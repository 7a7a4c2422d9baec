//! The form in which the servers of calls ask the person (ADR 44): how it is stored, shown and
//! answered. Pure.

mod values;
mod words;

use std::collections::{BTreeMap, HashSet};

use base::agents::{
    InquiredCall, InquiryVerdict, InquiryVerdicts, is_inquiry, open_calls, unanswered,
};
use base::domain::{
    Answer, AnswerStatus, Answers, DECLINE, FormField, FormReply, Inquiry, Item, ItemContent,
    ItemId, Message, Question, Resumption, ServerForm, ThreadId,
};

use super::super::request::now;
use super::approval::plain_answer;
use values::{FieldAnswer, read};

/// The option that goes on with what a server asks, where no field has to be filled in.
const CONTINUE: &str = "Continue";

/// What one question is about.
struct AskedPart<'a> {
    id: String,
    form: &'a ServerForm,
    /// `None` for the question whether to go on at all.
    field: Option<&'a FormField>,
    /// Whether it is the first of its request, and says what the server said.
    is_first: bool,
}

/// All questions of these calls.
pub(crate) fn questions(calls: &[InquiredCall]) -> Vec<Question> {
    let asked = calls.iter().flat_map(|call| {
        let server = &call.tool.server;
        parts(call).into_iter().map(move |part| words::question(server, &part))
    });
    asked.collect()
}

/// What is needed to go on after the answers, as an item that never leaves the server.
pub(crate) fn stored(thread: &ThreadId, calls: &[InquiredCall]) -> Item {
    // Its keys are texts, so writing it cannot fail.
    let content = serde_json::to_string(calls).unwrap_or_default();
    let content = ItemContent::SdkHiddenContext { content };
    Item { id: ItemId::new_inquiry(), thread_id: thread.clone(), created_at: now(), content }
}

/// The calls that wait behind a form, from the items before it.
pub(crate) fn waiting_behind<'a>(
    form: &ItemId,
    items: impl Iterator<Item = &'a Item>,
) -> Vec<InquiredCall> {
    items.take_while(|item| item.id != *form).filter_map(calls_in).last().unwrap_or_default()
}

/// The tickets of the calls in these items that wait in a process.
pub(crate) fn tickets<'a>(items: impl Iterator<Item = &'a Item>) -> HashSet<String> {
    let calls: Vec<_> = items.filter_map(calls_in).flatten().collect();
    calls.iter().filter_map(|it| it.inquiry.continuation.ticket()).map(str::to_owned).collect()
}

fn calls_in(item: &Item) -> Option<Vec<InquiredCall>> {
    match &item.content {
        ItemContent::SdkHiddenContext { content } => serde_json::from_str(content).ok(),
        ItemContent::UserMessage { .. }
        | ItemContent::AssistantMessage { .. }
        | ItemContent::Workflow { .. }
        | ItemContent::Task { .. }
        | ItemContent::StructuredInput { .. }
        | ItemContent::ClientToolCall { .. }
        | ItemContent::Widget { .. }
        | ItemContent::GeneratedImage { .. }
        | ItemContent::EndOfTurn {}
        | ItemContent::HiddenContextItem { .. } => None,
    }
}

/// Whether servers ask with these questions. The ids are ours: no model writes one.
pub(crate) fn asks(questions: &[Question]) -> bool {
    !questions.is_empty() && questions.iter().all(|question| is_inquiry(&question.id))
}

pub(crate) fn is_form(item: &Item) -> bool {
    matches!(&item.content, ItemContent::StructuredInput { inputs, .. } if asks(inputs))
}

/// What a settled form means for the calls behind it.
pub(crate) fn verdicts(form: &Item, calls: Vec<InquiredCall>) -> InquiryVerdicts {
    let ItemContent::StructuredInput { status, inputs } = &form.content else {
        return InquiryVerdicts::new();
    };
    let answers: BTreeMap<_, _> = inputs.iter().filter_map(given).collect();
    let answers = if *status == AnswerStatus::Answered { answers } else { BTreeMap::new() };
    let decided = calls.into_iter().map(|call| {
        let verdict = verdict(&call, &answers);
        (call.id, verdict)
    });
    decided.collect()
}

/// The answer that a whole message is: an option, or a plain yes or no. `None` for anything else.
pub(crate) fn answers_in(words: &str, questions: &[Question]) -> Option<Answers> {
    let [question] = questions else { return None };
    let said = words.trim().trim_end_matches(['.', '!', '。']);
    let meant = plain_answer(words).map(|it| if it == DECLINE { DECLINE } else { CONTINUE });
    let option = question.option_named(said).or_else(|| question.option_named(meant?))?;
    let answer = Answer { values: vec![option.to_owned()], skipped: false };
    let answers = [(question.id.clone(), answer)].into();
    Some(Answers { status: AnswerStatus::Answered, answers, otherwise: None })
}

/// Results for the calls at the end of a turn whose servers asked, when the person wrote something
/// else.
pub(crate) fn let_go(transcript: &[Message], calls: &[InquiredCall]) -> Option<Message> {
    let open = open_calls(transcript);
    // In the order of the calls: what their servers asked is not stored by their ids.
    let is_certain = open.len() == calls.len();
    let inquiry = |place: usize| calls.get(place).map(|it| &it.inquiry).filter(|_| is_certain);
    let results = open.into_iter().enumerate();
    let results: Vec<_> = results.map(|(place, call)| unanswered(call, inquiry(place))).collect();
    (!results.is_empty()).then_some(Message::Tools { results })
}

fn given(question: &Question) -> Option<(&str, &[String])> {
    let answer = question.answer.as_ref().filter(|answer| !answer.values.is_empty())?;
    Some((&question.id, &answer.values))
}

fn verdict(call: &InquiredCall, answers: &BTreeMap<&str, &[String]>) -> InquiryVerdict {
    let parts = parts(call);
    let forms = call.inquiry.forms.iter();
    let forms: Vec<_> = forms.map(|form| settled(form, &parts, answers)).collect();
    if forms.iter().any(|form| form.reply.is_none()) {
        let continuation = call.inquiry.continuation.clone();
        return InquiryVerdict::AskAgain(Inquiry { forms, continuation });
    }
    let replies = forms.into_iter().filter_map(|form| Some((form.name, form.reply?)));
    let (continuation, replies) = (call.inquiry.continuation.clone(), replies.collect());
    InquiryVerdict::Resume(Resumption { continuation, replies })
}

/// A request with its reply, or without one if it must be asked once more.
fn settled(
    form: &ServerForm,
    parts: &[AskedPart<'_>],
    answers: &BTreeMap<&str, &[String]>,
) -> ServerForm {
    if form.reply.is_some() {
        return form.clone();
    }
    let of_form = parts.iter().filter(|part| std::ptr::eq(part.form, form));
    let answered: Vec<_> =
        of_form.filter_map(|part| Some((part.field, *answers.get(part.id.as_str())?))).collect();
    let head = answered.iter().find(|(field, _)| field.is_none());
    let head = head.and_then(|(_, values)| values.first()).map(String::as_str);
    // Whoever gave nothing did not agree to anything.
    if answered.is_empty() || head.is_some_and(|head| head != CONTINUE) {
        return ServerForm { reply: Some(FormReply::Declined), ..form.clone() };
    }
    filled_in(form, &answered)
}

fn filled_in(form: &ServerForm, answered: &[(Option<&FormField>, &[String])]) -> ServerForm {
    let (mut given, mut again) = (form.given.clone(), Vec::new());
    for field in &form.fields {
        let of_field = |(other, _): &&(Option<&FormField>, &[String])| {
            other.is_some_and(|other| std::ptr::eq(other, field))
        };
        let values = answered.iter().find(of_field).map_or(&[][..], |(_, values)| values);
        match read(field, values) {
            FieldAnswer::Given(value) => {
                given.insert(field.name.clone(), value);
            }
            FieldAnswer::LeftOut => {}
            FieldAnswer::NotTaken(problem) => {
                again.push(FormField { problem: Some(problem), ..field.clone() });
            }
        }
    }
    let was_asked_again = form.fields.iter().any(|field| field.problem.is_some());
    let mut form = form.clone();
    if again.is_empty() {
        form.reply = Some(FormReply::Accepted(std::mem::take(&mut given)));
    } else if was_asked_again {
        form.reply = Some(FormReply::Declined);
    } else {
        (form.fields, form.given) = (again, given);
    }
    form
}

/// The questions that are left, in order.
fn parts(call: &InquiredCall) -> Vec<AskedPart<'_>> {
    let open = call.inquiry.forms.iter().filter(|form| form.reply.is_none());
    let asked = open.flat_map(|form| {
        let can_be_empty =
            form.fields.iter().all(|field| !field.is_required || field.default.is_some());
        let head = can_be_empty.then_some(None);
        let fields = head.into_iter().chain(form.fields.iter().map(Some));
        fields.enumerate().map(move |(place, field)| (form, field, place == 0))
    });
    let numbered = asked.enumerate().map(|(number, (form, field, is_first))| AskedPart {
        id: format!("{}_{number}", call.id),
        form,
        field,
        is_first,
    });
    numbered.collect()
}
