//! Reads what a server wants to know before it goes on with a call: what a person is asked, and what
//! is answered without one (ADR 44). Pure.

use rmcp::model::{
    ElicitRequestParams, ElicitationSchema, EnumSchema, InputRequest, InputRequests,
    MultiSelectEnumSchema, PrimitiveSchemaDefinition, SingleSelectEnumSchema, StringFormat,
};
use serde_json::{Map, Number, Value, json};

use base::domain::{FieldKind, FieldOption, FormField, FormReply, ServerForm, TextFormat, shorten};

/// Fields of all requests of one call.
const MAX_FIELDS: usize = 20;
const MAX_OPTIONS: usize = 50;
// In characters: of what a person reads.
const MAX_MESSAGE: usize = 1_000;
const MAX_WORDS: usize = 300;
/// In bytes: of what goes back as it came.
const MAX_NAME: usize = 256;

/// The requests of a server, by who answers them.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct SortedRequests {
    /// The person.
    pub(crate) forms: Vec<ServerForm>,
    /// We do, by the names of the requests.
    pub(crate) answered: Map<String, Value>,
    /// How many want the model's help, which they do not get.
    pub(crate) for_model: usize,
}

/// Sorts the requests. What is larger than a person can be asked is declined, and so is a link.
pub(crate) fn sort(requests: InputRequests) -> SortedRequests {
    let (mut sorted, mut room) = (SortedRequests::default(), MAX_FIELDS);
    for (name, request) in requests {
        match request {
            InputRequest::Elicitation(request) => match form(&name, request.params) {
                Some(form) if form.fields.len().max(1) <= room => {
                    room -= form.fields.len().max(1);
                    sorted.forms.push(form);
                }
                Some(_) | None => drop(sorted.answered.insert(name, answer(&FormReply::Declined))),
            },
            // There are no folders that a server could look into.
            InputRequest::ListRoots(_) => {
                drop(sorted.answered.insert(name, json!({ "roots": [] })));
            }
            InputRequest::CreateMessage(_) | _ => sorted.for_model += 1,
        }
    }
    sorted
}

/// `None` if a person cannot be asked this.
pub(crate) fn form(name: &str, params: ElicitRequestParams) -> Option<ServerForm> {
    let ElicitRequestParams::FormElicitationParams { message, requested_schema, .. } = params
    else {
        return None;
    };
    Some(ServerForm {
        name: Some(name).filter(|name| name.len() <= MAX_NAME)?.to_owned(),
        message: shorten(&message, MAX_MESSAGE),
        fields: fields(requested_schema)?,
        given: Map::new(),
        reply: None,
    })
}

/// What a server is told.
pub(crate) fn answer(reply: &FormReply) -> Value {
    match reply {
        FormReply::Accepted(content) => json!({ "action": "accept", "content": content }),
        FormReply::Declined => json!({ "action": "decline" }),
    }
}

fn fields(mut schema: ElicitationSchema) -> Option<Vec<FormField>> {
    let order = schema.property_order.take();
    let names = order.unwrap_or_else(|| schema.properties.keys().cloned().collect());
    let required = schema.required.unwrap_or_default();
    if names.len() > MAX_FIELDS {
        return None;
    }
    let fields = names.into_iter().map(|name| {
        let field = field(schema.properties.remove(&name)?)?;
        let is_required = required.contains(&name);
        let name = Some(name).filter(|name| name.len() <= MAX_NAME)?;
        Some(FormField { name, is_required, ..field })
    });
    fields.collect()
}

fn field(schema: PrimitiveSchemaDefinition) -> Option<FormField> {
    let (title, description, kind, default) = match schema {
        PrimitiveSchemaDefinition::Enum(schema) => return select(schema),
        PrimitiveSchemaDefinition::String(it) => {
            let (min, max) = (it.min_length, it.max_length);
            let format = it.format.and_then(format);
            let kind = FieldKind::Text { min, max, format };
            (it.title, it.description, kind, it.default.map(Value::from))
        }
        PrimitiveSchemaDefinition::Number(it) => {
            let (min, max) = (it.minimum.and_then(number), it.maximum.and_then(number));
            let default = it.default.and_then(number).map(Value::Number);
            (it.title, it.description, FieldKind::Number { min, max }, default)
        }
        PrimitiveSchemaDefinition::Integer(it) => {
            let kind = FieldKind::Integer { min: it.minimum, max: it.maximum };
            (it.title, it.description, kind, it.default.map(Value::from))
        }
        PrimitiveSchemaDefinition::Boolean(it) => {
            (it.title, it.description, FieldKind::Boolean, it.default.map(Value::from))
        }
        _ => return None,
    };
    Some(shown((title.as_deref(), description.as_deref()), kind, default))
}

fn select(schema: EnumSchema) -> Option<FormField> {
    let (title, description, kind, default) = match schema {
        EnumSchema::Single(SingleSelectEnumSchema::Untitled(it)) => {
            let kind = FieldKind::Choice { options: plain(it.enum_)? };
            (it.title, it.description, kind, it.default.map(Value::from))
        }
        EnumSchema::Single(SingleSelectEnumSchema::Titled(it)) => {
            let options = it.one_of.into_iter().map(|it| (it.const_, Some(it.title)));
            let kind = FieldKind::Choice { options: options_of(options)? };
            (it.title, it.description, kind, it.default.map(Value::from))
        }
        EnumSchema::Legacy(it) => {
            let mut titles = it.enum_names.unwrap_or_default().into_iter();
            let options = it.enum_.into_iter().map(|value| (value, titles.next()));
            let kind = FieldKind::Choice { options: options_of(options)? };
            (it.title, it.description, kind, it.default.map(Value::from))
        }
        EnumSchema::Multi(MultiSelectEnumSchema::Untitled(it)) => {
            let (options, min, max) = (plain(it.items.enum_)?, it.min_items, it.max_items);
            let kind = FieldKind::Choices { options, min, max };
            (it.title, it.description, kind, it.default.map(Value::from))
        }
        EnumSchema::Multi(MultiSelectEnumSchema::Titled(it)) => {
            let options = it.items.any_of.into_iter().map(|it| (it.const_, Some(it.title)));
            let (options, min, max) = (options_of(options)?, it.min_items, it.max_items);
            let kind = FieldKind::Choices { options, min, max };
            (it.title, it.description, kind, it.default.map(Value::from))
        }
        EnumSchema::Single(_) | EnumSchema::Multi(_) | _ => return None,
    };
    Some(shown((title.as_deref(), description.as_deref()), kind, default))
}

/// Without its name.
fn shown(
    (title, description): (Option<&str>, Option<&str>),
    kind: FieldKind,
    default: Option<Value>,
) -> FormField {
    let words = |text: Option<&str>| text.map(|text| shorten(text, MAX_WORDS));
    let (title, description, name) = (words(title), words(description), String::new());
    FormField { name, title, description, is_required: false, kind, default, problem: None }
}

fn plain(values: Vec<String>) -> Option<Vec<FieldOption>> {
    options_of(values.into_iter().map(|value| (value, None)))
}

/// `None` for none, and for more than a person reads.
fn options_of(options: impl Iterator<Item = (String, Option<String>)>) -> Option<Vec<FieldOption>> {
    let options = options.take(MAX_OPTIONS + 1).map(|(value, title)| {
        let title = title.map(|title| shorten(&title, MAX_WORDS));
        Some(FieldOption { value: Some(value).filter(|value| value.len() <= MAX_NAME)?, title })
    });
    let options: Vec<_> = options.collect::<Option<_>>()?;
    (1..=MAX_OPTIONS).contains(&options.len()).then_some(options)
}

const fn format(format: StringFormat) -> Option<TextFormat> {
    match format {
        StringFormat::Email => Some(TextFormat::Email),
        StringFormat::Uri => Some(TextFormat::Uri),
        StringFormat::Date => Some(TextFormat::Date),
        StringFormat::DateTime => Some(TextFormat::DateTime),
        _ => None,
    }
}

/// As it was written: a server that sent 1 gets no 1.0.
fn number(value: f64) -> Option<Number> {
    // Below 2^53, where every whole number has its own value.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if value.fract() == 0.0 && value.abs() < EXACT {
        return format!("{value:.0}").parse().ok();
    }
    Number::from_f64(value)
}
