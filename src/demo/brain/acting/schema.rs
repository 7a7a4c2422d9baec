//! Reads a tool's JSON Schema: its arguments and their values.

use serde_json::Value;

use crate::conversation::ToolSpec;

/// How deep a schema is followed; it may refer to itself.
const DEPTH: usize = 6;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::brain) enum Field {
    Id,
    Title,
    Notes,
    Due,
    Priority,
    Tags,
    Status,
    DoneFlag,
    FilterTag,
    FilterText,
    DueFrom,
    DueTo,
    Limit,
    Offset,
}

#[derive(Clone, Copy, Debug)]
pub(in crate::brain) struct Property<'a> {
    pub(in crate::brain) name: &'a str,
    schema: &'a Value,
    root: &'a Value,
}

impl Field {
    /// Possible names, best first, without case and separators.
    fn names(self) -> &'static [&'static str] {
        match self {
            Self::Id => &["id", "todoid", "taskid", "itemid", "uuid"],
            Self::Title => {
                &["title", "name", "text", "task", "todo", "content", "summary", "description"]
            }
            Self::Notes => &["notes", "note", "details", "body", "description"],
            Self::Due => &["due", "duedate", "deadline", "dueat", "dueon"],
            Self::Priority => &["priority", "importance"],
            Self::Tags => &["tags", "labels"],
            Self::Status => &["status", "state"],
            Self::DoneFlag => &["done", "completed", "isdone", "iscompleted", "complete"],
            Self::FilterTag => &["tag", "label"],
            Self::FilterText => &["text", "query", "search", "q"],
            Self::DueFrom => &["duefrom", "dueafter"],
            Self::DueTo => &["dueto"],
            Self::Limit => &["limit"],
            Self::Offset => &["offset"],
        }
    }
}

impl<'a> Property<'a> {
    /// The allowed values, if they are listed.
    pub(in crate::brain) fn choices(&self) -> Vec<&'a str> {
        let mut found = Vec::new();
        collect(self.schema, self.root, DEPTH, &mut found);
        found
    }

    /// The first of these words that is allowed; any if none are listed.
    pub(in crate::brain) fn choose(&self, words: &[&'a str]) -> Option<&'a str> {
        let choices = self.choices();
        if choices.is_empty() {
            return words.first().copied().filter(|_| self.is("string") || self.untyped());
        }
        words.iter().find_map(|word| {
            choices.iter().find(|choice| choice.eq_ignore_ascii_case(word)).copied()
        })
    }

    pub(in crate::brain) fn is(&self, kind: &str) -> bool {
        names_type(self.schema, self.root, kind, DEPTH)
    }

    pub(in crate::brain) fn untyped(&self) -> bool {
        let kinds = ["string", "boolean", "integer", "number", "array", "object"];
        !kinds.iter().any(|kind| self.is(kind))
    }

    /// Whether it wants an instant, with an offset.
    pub(in crate::brain) fn wants_moment(&self) -> bool {
        self.schema.get("format").and_then(Value::as_str) == Some("date-time")
    }

    pub(in crate::brain) fn maximum(&self) -> Option<u64> {
        self.schema.get("maximum").and_then(Value::as_u64)
    }
}

/// The argument of a tool for this purpose.
pub(in crate::brain) fn property(tool: &ToolSpec, field: Field) -> Option<Property<'_>> {
    let properties = tool.parameters.get("properties")?.as_object()?;
    let by_name = |wanted: &&str| properties.iter().find(|(name, _)| plain(name) == *wanted);
    let (name, schema) = field.names().iter().find_map(by_name)?;
    Some(Property { name, schema, root: &tool.parameters })
}

/// Whether a tool can be called with only these arguments.
pub(in crate::brain) fn needs_only(tool: &ToolSpec, fields: &[Field]) -> bool {
    let known: Vec<&str> =
        fields.iter().filter_map(|field| property(tool, *field)).map(|found| found.name).collect();
    let required = tool.parameters.get("required").and_then(Value::as_array);
    required.is_none_or(|names| {
        names.iter().all(|name| name.as_str().is_some_and(|name| known.contains(&name)))
    })
}

fn plain(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

fn collect<'a>(schema: &'a Value, root: &'a Value, depth: usize, found: &mut Vec<&'a str>) {
    if depth == 0 {
        return;
    }
    let listed = schema.get("enum").and_then(Value::as_array);
    found.extend(listed.into_iter().flatten().filter_map(Value::as_str));
    found.extend(schema.get("const").and_then(Value::as_str));
    for inner in inner(schema, root) {
        collect(inner, root, depth - 1, found);
    }
}

fn names_type(schema: &Value, root: &Value, kind: &str, depth: usize) -> bool {
    let own = match schema.get("type") {
        Some(Value::String(name)) => name == kind,
        Some(Value::Array(names)) => names.iter().any(|name| name == kind),
        _ => false,
    };
    own || (depth > 0 && inner(schema, root).any(|inner| names_type(inner, root, kind, depth - 1)))
}

/// The alternatives of a schema and what it refers to.
fn inner<'a>(schema: &'a Value, root: &'a Value) -> impl Iterator<Item = &'a Value> {
    let listed =
        ["anyOf", "oneOf", "allOf"].into_iter().filter_map(|key| schema.get(key)?.as_array());
    let reference = schema.get("$ref").and_then(Value::as_str).and_then(|at| at.strip_prefix('#'));
    listed.flatten().take(16).chain(reference.and_then(|at| root.pointer(at)))
}
