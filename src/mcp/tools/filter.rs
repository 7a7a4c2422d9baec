//! Which of a server's tools the operator lets in.

/// By the server's own names for its tools. In a pattern `*`, which no such name contains, stands
/// for any characters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ToolFilter {
    /// None lets in all.
    pub allow: Option<Vec<String>>,
    /// Counts more than `allow`.
    pub deny: Vec<String>,
}

impl ToolFilter {
    pub(crate) fn lets_in(&self, tool: &str) -> bool {
        let is_among = |patterns: &[String]| patterns.iter().any(|pattern| fits(pattern, tool));
        self.allow.as_deref().is_none_or(is_among) && !is_among(&self.deny)
    }

    pub(crate) fn patterns(&self) -> impl Iterator<Item = &String> {
        self.allow.iter().flatten().chain(&self.deny)
    }
}

pub(crate) fn fits(pattern: &str, tool: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = tool.strip_prefix(parts.next().unwrap_or_default()) else { return false };
    let Some(last) = parts.next_back() else { return rest.is_empty() };
    for part in parts {
        let Some((_, behind)) = rest.split_once(part) else { return false };
        rest = behind;
    }
    rest.ends_with(last)
}
