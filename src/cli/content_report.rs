//! What operators are shown of resources and prompts (ADR 45).

use std::fmt;
use std::sync::Arc;

use serde::Serialize;

use super::tool_report::in_a_line;
use crate::domain::{ContentList, PromptArgument, ResourceTemplate, ServerPrompt, ServerResource};

/// Of each kind. The list as JSON has all.
const MAX_SHOWN: usize = 50;

/// What a server has besides tools.
#[derive(Debug, Serialize)]
pub(super) struct ContentReport {
    resources: Vec<ServerResource>,
    resource_templates: Vec<ResourceTemplate>,
    prompts: Vec<ServerPrompt>,
    /// How many more there are at least.
    more: usize,
}

impl ContentReport {
    pub(super) fn new(content: Arc<ContentList>) -> Self {
        let ContentList { resources, templates, prompts, left_out } = Arc::unwrap_or_clone(content);
        Self { resources, resource_templates: templates, prompts, more: left_out }
    }
}

impl fmt::Display for ContentReport {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let resources = self.resources.iter().map(|it| (&it.uri, it.name.clone()));
        write_all(out, "resource", resources)?;
        let templates =
            self.resource_templates.iter().map(|it| (&it.uri_template, it.name.clone()));
        write_all(out, "template", templates)?;
        let prompts = self.prompts.iter().map(|it| (&it.name, told_of(it)));
        write_all(out, "prompt", prompts)?;
        if self.more > 0 {
            let more = self.more;
            write!(
                out,
                "\n  at least {more} more resources or prompts (too many, too long, or an address or name that cannot be used)"
            )?;
        }
        Ok(())
    }
}

fn write_all<'a>(
    out: &mut fmt::Formatter<'_>,
    kind: &str,
    all: impl ExactSizeIterator<Item = (&'a String, String)>,
) -> fmt::Result {
    let unseen = all.len().saturating_sub(MAX_SHOWN);
    for (name, told) in all.take(MAX_SHOWN) {
        let line = format!("\n  {kind:<8}  {}  {}", in_a_line(name), in_a_line(&told));
        out.write_str(line.trim_end_matches(' '))?;
    }
    if unseen > 0 { write!(out, "\n  {kind:<8}  and {unseen} more") } else { Ok(()) }
}

/// Its arguments, those that may be left out in brackets, and its title.
fn told_of(prompt: &ServerPrompt) -> String {
    let argument = |it: &PromptArgument| {
        if it.is_required { it.name.clone() } else { format!("[{}]", it.name) }
    };
    let arguments: Vec<_> = prompt.arguments.iter().map(argument).collect();
    let title = prompt.title.as_deref().unwrap_or_default();
    format!("{}  {title}", arguments.join(" "))
}
