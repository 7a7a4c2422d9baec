//! Which of a server's tools wait for a person, by the operator's word (ADR 38).

use super::filter::fits;
use base::domain::ApprovalRule;

/// Rules by the server's own names for its tools; `*` stands for any characters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ApprovalRules(pub Vec<(String, ApprovalRule)>);

impl ApprovalRules {
    /// The rule with the longest pattern that fits, so that an exception counts more than what it is
    /// an exception to. `None` leaves it to the rule for all servers.
    pub(crate) fn rule_for(&self, tool: &str) -> Option<ApprovalRule> {
        let fitting = self.0.iter().filter(|(pattern, _)| fits(pattern, tool));
        let exact = |pattern: &str| (pattern == tool, pattern.len());
        fitting.max_by_key(|(pattern, _)| exact(pattern)).map(|(_, rule)| *rule)
    }

    pub(crate) fn patterns(&self) -> impl Iterator<Item = &String> {
        self.0.iter().map(|(pattern, _)| pattern).filter(|pattern| *pattern != "*")
    }
}
