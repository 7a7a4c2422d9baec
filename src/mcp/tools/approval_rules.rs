//! Which of a server's tools wait for a person, by the operator's word (ADR 38).

use super::filter::fits;
use base::domain::{ApprovalRule, BuiltInTool};

/// Rules by the server's own names for its tools; `*` stands for any characters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ApprovalRules(pub Vec<(String, ApprovalRule)>);

impl ApprovalRules {
    /// The rule with the longest pattern that fits, so that an exception counts more than what it is
    /// an exception to; of several as long as each other the strictest. `None` leaves it to the rule
    /// for all servers.
    pub(crate) fn rule_for(&self, tool: &str) -> Option<ApprovalRule> {
        let exact = |pattern: &str| (pattern == tool, pattern.len());
        let fitting = || self.0.iter().filter(|(pattern, _)| fits(pattern, tool));
        let longest = fitting().map(|(pattern, _)| exact(pattern)).max()?;
        let rules = fitting().filter(|(pattern, _)| exact(pattern) == longest);
        rules.map(|(_, rule)| Some(*rule)).reduce(ApprovalRule::stricter).flatten()
    }

    pub(crate) fn patterns(&self) -> impl Iterator<Item = &String> {
        let is_ours = |name: &str| BuiltInTool::ALL.iter().any(|it| it.name() == name);
        let names = self.0.iter().map(|(pattern, _)| pattern);
        names.filter(move |name| *name != "*" && !is_ours(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ApprovalRule::{Always, Destructive, Never};

    #[test]
    fn of_patterns_of_equal_length_the_strictest_rule_counts_in_any_order() {
        for (rules, tool, expected) in [
            (vec![("get_*", Never), ("*_all", Always)], "get_all", Some(Always)),
            (vec![("*_all", Always), ("get_*", Never)], "get_all", Some(Always)),
            (vec![("a*b", Destructive), ("*ab", Never)], "ab", Some(Destructive)),
            (vec![("ab", Never), ("*b", Always)], "ab", Some(Never)),
            (vec![("*", Always), ("get_*", Never)], "get_all", Some(Never)),
            (vec![("get_*", Never)], "send", None),
        ] {
            let told = format!("{rules:?} {tool}");
            let rules = rules.into_iter().map(|(pattern, rule)| (pattern.to_owned(), rule));
            assert_eq!(ApprovalRules(rules.collect()).rule_for(tool), expected, "{told}");
        }
    }
}
