//! What is known of a turn before it begins.

use super::super::{Abilities, RequestContext};
use base::domain::{AllowedDomains, Spend};

pub(crate) struct Scope {
    /// The thread's total before this turn.
    pub(crate) spent: Spend,
    pub(crate) abilities: Abilities,
    /// Where links and images of the answer may lead.
    pub(crate) allowed_domains: AllowedDomains,
    pub(crate) request_id: String,
}

impl Scope {
    pub(crate) fn of(
        context: &RequestContext,
        spent: Spend,
        allowed_domains: AllowedDomains,
    ) -> Self {
        let (abilities, request_id) = (context.abilities, context.request_id.clone());
        Self { spent, abilities, allowed_domains, request_id }
    }
}
