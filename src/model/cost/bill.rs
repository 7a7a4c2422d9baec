//! The bill of one request, reported however its answer ends (ADR 16).

use tracing::Span;

use super::prices::Price;
use base::agents::Deltas;
use base::domain::{Spend, Usage};

/// What one request costs so far. Reported on drop: a broken, refused or abandoned answer is billed
/// like a complete one (ADR 16).
pub(crate) struct Bill<'a> {
    deltas: &'a Deltas,
    model: &'a str,
    price: Option<Price>,
    usage: Option<Usage>,
    is_due: bool,
}

impl<'a> Bill<'a> {
    /// Nothing is billed before the provider answers.
    pub(crate) fn new(deltas: &'a Deltas, model: &'a str, price: Option<Price>) -> Self {
        Self { deltas, model, price, usage: None, is_due: false }
    }

    /// The provider answers. Its model may have worked, whatever is read from now on.
    pub(crate) fn begin(&mut self) {
        self.is_due = true;
    }

    /// The counters so far.
    pub(crate) fn note(&mut self, usage: Option<Usage>) {
        (self.usage, self.is_due) = (usage, true);
    }

    /// No model answered: the provider refused, or something else than a provider spoke.
    pub(crate) fn cancel(&mut self) {
        (self.usage, self.is_due) = (None, false);
    }
}

impl Drop for Bill<'_> {
    fn drop(&mut self) {
        if !self.is_due {
            return;
        }
        // Without counters the cost is unknown, except for a free model. An unknown cost hides the
        // whole sum, because a partial one looks complete (ADR 16).
        let told = self.usage.or_else(|| (self.price == Some(Price::FREE)).then(Usage::default));
        let cost = told.and_then(|usage| Some(self.price?.of(&usage)));
        let spend = Spend::of_call(told.unwrap_or_default(), cost);
        record(&spend);
        self.deltas.spend(self.model, spend);
    }
}

fn record(spend: &Spend) {
    let (span, usage) = (Span::current(), spend.usage);
    span.record("gen_ai.usage.input_tokens", usage.input_tokens);
    span.record("gen_ai.usage.cached_tokens", usage.cached_tokens);
    span.record("gen_ai.usage.output_tokens", usage.output_tokens);
    span.record("gen_ai.usage.thinking_tokens", usage.thinking_tokens);
    if let Some(cost) = spend.whole_cost() {
        span.record("gen_ai.usage.cost_usd", cost.usd());
    }
}
