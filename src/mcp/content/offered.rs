//! What of a server's resources and prompts turns are offered.

use std::sync::Arc;

use super::super::call::server::{Server, ServerStatus};
use super::super::{ContentChoice, ServerSettings};
use base::domain::{ApprovalRule, BuiltInTool, ServerContent};

/// As far as the operator lets it in; `None` if there is nothing. `settings` are those of the newest
/// reading of the file, whichever server serves.
pub(crate) fn content_of(
    settings: &ServerSettings,
    server: &Server,
    status: &ServerStatus,
) -> Option<ServerContent> {
    let ContentChoice { resources, prompts } = settings.content;
    let mut listed = Arc::clone(&status.content);
    if !(resources && prompts) {
        let all = Arc::make_mut(&mut listed);
        if !resources {
            (all.resources, all.templates) = (Vec::new(), Vec::new());
        }
        if !prompts {
            all.prompts.clear();
        }
    }
    let is_any = listed.has_resources() || !listed.prompts.is_empty();
    let rules = [BuiltInTool::ReadResource, BuiltInTool::ReadPrompt].map(|tool| {
        let rule_in = |it: &ServerSettings| it.approval.rule_for(tool.name());
        // Nor is anything read that waits for a person before or after a change (ADR 39).
        let rule = ApprovalRule::stricter(rule_in(settings), rule_in(&server.settings));
        rule.map(|rule| (tool, rule))
    });
    is_any.then(|| ServerContent {
        server: Arc::clone(server.name()),
        trust: settings.trust,
        approvals: rules.into_iter().flatten().collect(),
        is_connected: status.is_connected(),
        listed,
    })
}
