//! The form that asks whether calls may be made (ADR 38). Its words are ours: of a call it shows the
//! tool, its server and the arguments, made harmless. Nothing that a model says is in it.

use std::collections::HashMap;
use std::fmt::Write as _;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use base::agents::{
    HeldCall, Verdict, asked_as, fingerprint_in, is_approval, open_calls, unapproved,
};
use base::domain::{
    APPROVE, Answer, AnswerStatus, Answers, Choice, DECLINE, Item, ItemContent, ItemId, Message,
    Question, QuestionKind, ToolCall, ToolId, reveal, shorten, unlinked,
};

const FOR_CONVERSATION: &str = "Approve for this conversation";

/// In characters: what one form shows of arguments, shared by its questions.
const MAX_SHOWN: usize = 4_000;
/// What one question shows of them at most, and at least.
const MOST_SHOWN: usize = 600;
const LEAST_SHOWN: usize = 60;
/// In characters: a name of a tool or of an argument.
const MAX_NAME: usize = 80;

/// More tools than a conversation has use for; the newest are kept.
const MAX_GRANTED: usize = 128;

/// In characters of what the person wrote instead of a choice.
const MAX_SAID: usize = 500;

/// What a person may say as a whole message. Anything longer means something else.
const YES: &[&str] = &[
    "yes",
    "y",
    "yes please",
    "ok",
    "okay",
    "approve",
    "approved",
    "ja",
    "oui",
    "si",
    "sí",
    "sim",
    "да",
    "はい",
    "是",
];
const NO: &[&str] = &[
    "no",
    "n",
    "no thanks",
    "decline",
    "declined",
    "cancel",
    "nein",
    "non",
    "não",
    "нет",
    "いいえ",
    "否",
];

/// The calls that wait, for a client without forms.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Confirmation {
    /// Settles all of them; it is the id of the form.
    pub id: ItemId,
    pub calls: Vec<ConfirmationCall>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ConfirmationCall {
    /// The id of its approval.
    pub id: String,
    pub server: String,
    /// As the server calls it.
    pub tool: String,
    /// As the model wrote them.
    pub arguments: Value,
    /// What the person is asked.
    pub question: String,
}

/// One question for each call, so that each is decided by itself.
pub(crate) fn questions(held: &[HeldCall]) -> Vec<Question> {
    let room = (MAX_SHOWN / held.len().max(1)).clamp(LEAST_SHOWN, MOST_SHOWN);
    let options = [APPROVE, DECLINE, FOR_CONVERSATION].map(|value| Choice { value: value.into() });
    let question = |call: &HeldCall| Question {
        id: call.id.clone(),
        question: words(call, room),
        answer: None,
        kind: QuestionKind::MultipleChoice { options: options.to_vec(), multiple: false },
    };
    held.iter().map(question).collect()
}

/// Whether a form asks for approvals. The ids are ours: no model writes one.
pub(crate) fn asks(questions: &[Question]) -> bool {
    !questions.is_empty() && questions.iter().all(|question| is_approval(&question.id))
}

pub(crate) fn is_form(item: &Item) -> bool {
    matches!(&item.content, ItemContent::StructuredInput { inputs, .. } if asks(inputs))
}

/// Whether all of these are ids of calls that a form asks about.
pub(crate) fn knows<'a>(form: &Item, mut ids: impl Iterator<Item = &'a String>) -> bool {
    let ItemContent::StructuredInput { inputs, .. } = &form.content else { return false };
    ids.all(|id| inputs.iter().any(|question| question.id == *id))
}

/// What a settled form decides, by the ids of the approvals. No answer is no approval.
pub(crate) fn verdicts(form: &Item) -> HashMap<String, Verdict> {
    let ItemContent::StructuredInput { inputs, .. } = &form.content else { return HashMap::new() };
    let approvals = inputs.iter().filter(|question| is_approval(&question.id));
    let decided = approvals.filter_map(|it| Some((it.id.clone(), verdict(it.answer.as_ref()?))));
    decided.collect()
}

fn verdict(answer: &Answer) -> Verdict {
    let Some(said) = answer.values.first() else { return Verdict::Declined { said: None } };
    match said.as_str() {
        APPROVE | FOR_CONVERSATION => Verdict::Approved,
        DECLINE => Verdict::Declined { said: None },
        // Written into the form instead of chosen.
        said => match plain_answer(said) {
            Some(APPROVE) => Verdict::Approved,
            Some(_) => Verdict::Declined { said: None },
            None => Verdict::Declined { said: Some(shorten(said, MAX_SAID)) },
        },
    }
}

/// A plain yes or no, as the option that it means.
pub(super) fn plain_answer(words: &str) -> Option<&'static str> {
    let said = words.trim().trim_end_matches(['.', '!', '。']).to_lowercase();
    if YES.contains(&said.as_str()) {
        Some(APPROVE)
    } else {
        NO.contains(&said.as_str()).then_some(DECLINE)
    }
}

/// The tools that are approved for this conversation from now on; `None` if no more than before.
pub(crate) fn granted(form: &Item, before: &[String]) -> Option<Vec<String>> {
    let ItemContent::StructuredInput { inputs, .. } = &form.content else { return None };
    let is_chosen = |question: &&Question| {
        let values = question.answer.as_ref().map(|answer| answer.values.as_slice());
        values.is_some_and(|values| values.first().is_some_and(|it| it == FOR_CONVERSATION))
    };
    let chosen = inputs.iter().filter(is_chosen).filter_map(|it| fingerprint_in(&it.id));
    let mut all = before.to_vec();
    for tool in chosen {
        if !all.iter().any(|known| known == tool) {
            all.push(tool.to_owned());
        }
    }
    let too_many = all.len().saturating_sub(MAX_GRANTED);
    all.drain(..too_many);
    (all != before).then_some(all)
}

/// The answer that a whole message is: a plain yes, a plain no, or an option. `None` for anything
/// else, which approves nothing.
pub(crate) fn answers_in(words: &str, questions: &[Question]) -> Option<Answers> {
    let said = words.trim().trim_end_matches(['.', '!', '。']);
    let option = questions.first().and_then(|question| question.option_named(said));
    Some(Answers::everywhere(option.or_else(|| plain_answer(words))?))
}

/// Results for the calls at the end of a turn that wait, when the person wrote something else.
pub(crate) fn let_go(transcript: &[Message]) -> Option<Message> {
    let results: Vec<_> = open_calls(transcript).into_iter().map(unapproved).collect();
    (!results.is_empty()).then_some(Message::Tools { results })
}

/// The questions as text, for clients without forms.
pub(crate) fn as_text(questions: &[Question]) -> String {
    let mut text = String::new();
    for question in questions {
        // Writing to a string cannot fail.
        writeln!(text, "{}", question.question).unwrap_or_default();
    }
    for option in [APPROVE, DECLINE, FOR_CONVERSATION] {
        write!(text, "\n- {option}").unwrap_or_default();
    }
    text
}

pub(crate) fn confirmation(form: &Item, held: &[HeldCall]) -> Option<Confirmation> {
    let calls = held.iter().map(|it| (it.tool.clone(), it.arguments.as_str()));
    confirmation_of(form, calls)
}

/// The same from what is stored of a turn: the calls that have no result, in their order.
pub(crate) fn stored_confirmation(form: &Item, calls: &[&ToolCall]) -> Option<Confirmation> {
    // Only what is of a server waits.
    let calls = calls.iter().filter_map(|it| Some((asked_as(it)?, it.arguments.as_str())));
    confirmation_of(form, calls)
}

fn confirmation_of<'a>(
    form: &Item,
    calls: impl Iterator<Item = (ToolId, &'a str)>,
) -> Option<Confirmation> {
    let ItemContent::StructuredInput { status: AnswerStatus::Pending, inputs } = &form.content
    else {
        return None;
    };
    if !asks(inputs) {
        return None;
    }
    let call = |(question, (tool, arguments)): (&Question, (ToolId, &str))| ConfirmationCall {
        id: question.id.clone(),
        server: tool.server.to_string(),
        tool: tool.tool.to_string(),
        arguments: serde_json::from_str(arguments)
            .unwrap_or_else(|_| Value::String(arguments.to_owned())),
        question: question.question.clone(),
    };
    let calls = inputs.iter().zip(calls).map(call).collect();
    Some(Confirmation { id: form.id.clone(), calls })
}

/// What the person is asked about one call.
fn words(call: &HeldCall, room: usize) -> String {
    let (tool, server) = (name(&call.tool.tool), name(&call.tool.server));
    let title = call.title.as_deref().map(|title| format!(" ({})", quoted(title)));
    let about = call.about.as_deref().map(|about| format!(" for {}", quoted(about)));
    let (title, about) = (title.unwrap_or_default(), about.unwrap_or_default());
    let arguments = arguments(&call.arguments, room);
    unlinked(&format!("May the assistant call {tool}{title} of {server}{about}{arguments}?"))
}

/// A name as it is if it is one word, and in quotes otherwise: servers and models choose names, and
/// none may go on with our sentence.
pub(super) fn name(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '/');
    let is_short = text.chars().count() <= MAX_NAME && !text.is_empty();
    if is_short && text.chars().all(is_plain) { text.to_owned() } else { quoted(text) }
}

fn quoted(text: &str) -> String {
    quoted_to(text, MAX_NAME)
}

/// At most so many characters of a text, in quotes.
pub(super) fn quoted_to(text: &str, limit: usize) -> String {
    harmless(&Value::from(shorten(text, limit)).to_string())
}

/// Every argument with its name: none can be pushed out of sight by others. Of a long value the
/// beginning, the length and the end.
fn arguments(json: &str, room: usize) -> String {
    let object = serde_json::from_str::<serde_json::Map<String, Value>>(json).unwrap_or_default();
    if object.is_empty() {
        return ", without arguments".to_owned();
    }
    let each = (room / object.len()).max(LEAST_SHOWN / 2);
    let mut shown = String::new();
    for (name, value) in &object {
        let start = if shown.is_empty() { ", with " } else { ", " };
        let value = harmless(&both_ends(&value.to_string(), each));
        write!(shown, "{start}{} = {value}", self::name(name)).unwrap_or_default();
    }
    shown
}

fn both_ends(text: &str, limit: usize) -> String {
    let length = text.chars().count();
    if length <= limit {
        return text.to_owned();
    }
    let half = |from: usize| text.chars().skip(from).take(limit / 2).collect::<String>();
    format!("{} … [{} characters] … {}", half(0), length - limit / 2 * 2, half(length - limit / 2))
}

/// On one line, with what cannot be seen made visible, and without what Markdown or HTML would act on.
pub(super) fn harmless(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for letter in reveal(text).chars() {
        match letter {
            '\n' => plain.push(' '),
            '<' | '>' | '[' | ']' | '`' | '*' | '~' | '|' | '#' | '&' => {
                write!(plain, "\\u{:04x}", u32::from(letter)).unwrap_or_default();
            }
            letter => plain.push(letter),
        }
    }
    plain
}
