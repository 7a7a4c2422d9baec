//! Fills the blanks of a written scenario.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::conversation::PlannedCall;
use crate::wire::ids::Ids;
use crate::wire::profile::Generation;
use crate::wire::reply::ReplyStyle;

/// Texts for the blanks, escaped for a JSON string.
#[derive(Clone, Debug, Default)]
pub(in crate::emulation) struct Fills(BTreeMap<&'static str, String>);

/// Texts for the blanks of a refusal that is requested by name.
const SAMPLES: &[(&str, &str)] = &[
    ("delay", "1s"),
    ("effort", "minimal"),
    ("efforts", "high, low, medium, none"),
    ("field", "seed"),
    ("function", "create_todo"),
    ("index", "2"),
    ("quota", "10"),
    ("retry_delay", "38s"),
    ("retry_in", "38.52"),
    ("message", "Request contains an invalid argument."),
];

/// Stands for a mebibyte of text, created only if needed.
const MEBIBYTE: &str = "{{mebibyte}}";

impl Fills {
    pub(in crate::emulation) fn samples() -> Self {
        SAMPLES.iter().fold(Self::default(), |fills, (name, text)| fills.with(name, text))
    }

    pub(in crate::emulation) fn with(mut self, name: &'static str, text: &str) -> Self {
        self.0.insert(name, escaped(text));
        self
    }

    /// Fills the members around the choices, ids and signatures.
    pub(in crate::emulation) fn with_voice(mut self, style: &ReplyStyle, ids: &Ids) -> Self {
        self = self.with("model", &style.model).with("created", &style.created.to_string());
        let id = style.id.clone().unwrap_or_else(|| ids.envelope());
        for (name, id, object) in [
            ("envelope", Some(&id), "chat.completion.chunk"),
            ("envelope_no_id", None, "chat.completion.chunk"),
            ("envelope_whole", Some(&id), "chat.completion"),
        ] {
            self.0.insert(name, envelope(style, id, object));
        }
        let signed = ids.call(Generation::Three);
        self.with("signature_1", &ids.signature(&signed))
            .with("call3_1", &signed)
            .with("call3_2", &ids.call(Generation::Three))
            .with("call_1", &ids.call(Generation::Two))
            .with("call_2", &ids.call(Generation::Two))
    }

    pub(in crate::emulation) fn with_calls(
        self,
        first: &PlannedCall,
        second: &PlannedCall,
    ) -> Self {
        let arguments = Value::Object(first.arguments.clone()).to_string();
        let second_arguments = Value::Object(second.arguments.clone()).to_string();
        let (head, tail) =
            arguments.split_at_checked(arguments.len() / 2).unwrap_or(("", &arguments));
        self.with("arguments_head", head)
            .with("arguments_tail", tail)
            .with("tool", &first.name)
            .with("arguments", &arguments)
            .with("tool_2", &second.name)
            .with("arguments_2", &second_arguments)
    }

    /// Fills a template. Unknown blanks stay, so that a typing error is visible.
    pub(in crate::emulation) fn fill(&self, template: &str) -> String {
        let mut pieces = template.split("{{");
        let mut filled = pieces.next().unwrap_or_default().to_owned();
        for piece in pieces {
            let known =
                piece.split_once("}}").and_then(|(name, rest)| Some((self.0.get(name)?, rest)));
            let (text, rest) = known.map_or(("{{", piece), |(text, rest)| (text.as_str(), rest));
            filled.push_str(text);
            filled.push_str(rest);
        }
        if filled.contains(MEBIBYTE) {
            filled.replace(MEBIBYTE, &"a".repeat(1 << 20))
        } else {
            filled
        }
    }
}

fn envelope(style: &ReplyStyle, id: Option<&String>, object: &str) -> String {
    let id = id.map(|id| format!(r#""id":"{}","#, escaped(id))).unwrap_or_default();
    let model = escaped(&style.model);
    format!(r#""created":{},{id}"model":"{model}","object":"{object}""#, style.created)
}

fn escaped(text: &str) -> String {
    let quoted = Value::from(text).to_string();
    quoted.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or_default().to_owned()
}
