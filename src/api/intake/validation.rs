//! Turns wire requests into checked ones, or lists everything that is wrong with them.

use validator::{Validate, ValidateArgs, ValidationError, ValidationErrors};

use super::super::error::{ApiError, BrokenRule};
use super::super::wires::schemas::{
    ConfirmationForm, InferenceOptions, Metadata, PromptForm, ShortForm, Title, TurnParams,
    UserMessageInput,
};
use super::rules::{InputLimits, obeys_message_rules, zone};
use base::domain::{Answers, ThreadId, UserContent, clean};
use chat::{Ask, NewMessage, PromptStart, RequestContext, TurnRequest};

const ONE_OF_TWO: &str = "Give a message or a prompt, not both.";

pub(crate) fn from_short_form(
    form: ShortForm,
    limits: &InputLimits,
    context: RequestContext,
) -> Result<TurnRequest, ApiError> {
    form.validate_with_args(limits).map_err(|errors| rules("", &errors))?;
    let (said, prompt) = match (form.message, form.prompt) {
        (Some(message), None) => (message, None),
        (None, Some(prompt)) => {
            let start = started(prompt);
            let said = start.text();
            obeys_message_rules(&said, limits).map_err(|error| broken_prompt(&error))?;
            (said, Some(start))
        }
        (Some(_), Some(_)) => return Err(broken("/prompt", "one_of_two", ONE_OF_TWO)),
        (None, None) => return Err(no_message()),
    };
    // The rules were checked on the cleaned text, so that is what is passed on.
    let text = clean(&said);
    let message = NewMessage {
        thread: form.thread_id,
        content: vec![UserContent::InputText { text }],
        quoted_text: None,
        inference_options: InferenceOptions::of_model(form.model).into_map(),
        prompt,
    };
    let time_zone = form.time_zone.as_deref().and_then(zone);
    let context = RequestContext { time_zone, ..context };
    Ok(TurnRequest { ask: Ask::Message(message), context })
}

/// The answer to a `confirmation`, checked.
pub(crate) fn from_confirmation(
    form: ConfirmationForm,
    context: RequestContext,
) -> Result<TurnRequest, ApiError> {
    form.validate().map_err(|errors| rules("", &errors))?;
    let ConfirmationForm { thread_id, approve, decline, calls, time_zone } = form;
    let (item, answers) = match (approve, decline, calls) {
        (Some(item), None, None) => (item, Answers::approving()),
        (Some(item), None, Some(calls)) => (item, Answers::approving_only(calls)),
        (None, Some(item), None) => (item, Answers::declining()),
        _ => return Err(one_decision()),
    };
    let time_zone = time_zone.as_deref().and_then(zone);
    let ask = Ask::Answer { thread: thread_id, item, answers };
    Ok(TurnRequest { ask, context: RequestContext { time_zone, ..context } })
}

fn one_decision() -> ApiError {
    let message = "Give approve or decline, and calls only with approve.";
    broken("/approve", "one_decision", message)
}

fn broken(pointer: &str, code: &str, message: &str) -> ApiError {
    ApiError::Rules(vec![BrokenRule::new(pointer.to_owned(), code, message.to_owned())])
}

fn broken_prompt(error: &ValidationError) -> ApiError {
    broken("/prompt", &error.code, error.message.as_deref().unwrap_or("This value breaks a rule."))
}

fn no_message() -> ApiError {
    let (pointer, message) = ("/message".to_owned(), "The field message is missing.".to_owned());
    ApiError::WrongForm(BrokenRule::new(pointer, "missing", message))
}

fn started(form: PromptForm) -> PromptStart {
    let PromptForm { server, name, arguments } = form;
    let arguments = arguments.into_iter().map(|(name, value)| (name, clean(&value)));
    PromptStart { server, name, arguments: arguments.collect() }
}

/// A request of the ChatKit protocol that begins a turn, checked.
pub(crate) fn from_chatkit(
    params: TurnParams,
    metadata: &Metadata,
    limits: &InputLimits,
    context: RequestContext,
) -> Result<TurnRequest, ApiError> {
    metadata.validate().map_err(|errors| rules("/metadata", &errors))?;
    let ask = match params {
        TurnParams::Message(thread, input) => Ask::Message(message(thread, *input, limits)?),
        TurnParams::Retry(thread, item) => Ask::Retry { thread, item },
        TurnParams::Answers(thread, item, input) => {
            input.validate_with_args(limits).map_err(|errors| rules("/params", &errors))?;
            Ask::Answer { thread, item, answers: cleaned_answers(input.input) }
        }
    };
    let time_zone = metadata.time_zone.as_deref().and_then(zone);
    Ok(TurnRequest { ask, context: RequestContext { time_zone, ..context } })
}

pub(crate) fn title(title: &Title) -> Result<String, ApiError> {
    title.validate().map_err(|errors| rules("/params", &errors))?;
    Ok(clean(title.title.trim()))
}

fn message(
    thread: Option<ThreadId>,
    input: UserMessageInput,
    limits: &InputLimits,
) -> Result<NewMessage, ApiError> {
    input.validate_with_args(limits).map_err(|errors| rules("/params/input", &errors))?;
    Ok(NewMessage {
        thread,
        content: input.content.into_iter().map(cleaned).collect(),
        quoted_text: input.quoted_text.as_deref().map(clean),
        inference_options: input.inference_options.into_map(),
        prompt: None,
    })
}

fn cleaned_answers(mut answers: Answers) -> Answers {
    for value in answers.answers.values_mut().flat_map(|answer| &mut answer.values) {
        *value = clean(value);
    }
    answers
}

fn cleaned(part: UserContent) -> UserContent {
    match part {
        UserContent::InputText { text } => UserContent::InputText { text: clean(&text) },
        UserContent::InputTag { id, text, data, group, interactive } => {
            UserContent::InputTag { id, text: clean(&text), data, group, interactive }
        }
    }
}

/// validator keeps the refused value with each error. Only code and message leave this module.
fn rules(prefix: &str, errors: &ValidationErrors) -> ApiError {
    let mut broken: Vec<BrokenRule> = errors
        .field_errors()
        .into_iter()
        .flat_map(|(field, errors)| errors.iter().map(move |error| (field.clone(), error)))
        .map(|(field, error)| BrokenRule {
            pointer: format!("{prefix}/{field}"),
            code: error.code.to_string(),
            message: error.message.as_deref().unwrap_or("This value breaks a rule.").to_owned(),
        })
        .collect();
    // validator keeps the errors in a hash map. Sorted, so that an answer is always the same.
    broken.sort_by(|a, b| (&a.pointer, &a.code).cmp(&(&b.pointer, &b.code)));
    ApiError::Rules(broken)
}
