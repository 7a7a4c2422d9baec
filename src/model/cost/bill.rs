//! The bill of one request, reported however its answer ends (ADR 16).

use tracing::Span;

use super::prices::Price;
use crate::connection::sent_bytes::SentBytes;
use crate::request::body::SentImages;
use base::agents::{Deltas, tokens_of_bytes};
use base::domain::{Estimate, ModelSpend, Spend, Usage};

/// Roughly, of a large one.
const TOKENS_OF_IMAGE: u64 = 1_000;

/// What one request costs so far. Reported on drop: a broken, refused or abandoned answer is billed
/// like a complete one (ADR 16).
pub(crate) struct Bill<'a> {
    deltas: &'a Deltas,
    model: &'a str,
    price: Option<Price>,
    usage: Option<Usage>,
    /// The bytes of the answer that have arrived, and those of them that the counters include.
    arrived: u64,
    counted: u64,
    /// The request, once it is on its way.
    pub(crate) sent: SentBytes,
    images: SentImages,
    due: Billing,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Billing {
    No,
    /// No answer began. If we hang up now, the model may work all the same.
    IfSent,
    Yes,
}

impl<'a> Bill<'a> {
    pub(crate) fn new(deltas: &'a Deltas, model: &'a str, price: Option<Price>) -> Self {
        let (usage, arrived, counted) = (None, 0, 0);
        let (sent, due) = (SentBytes::default(), Billing::IfSent);
        let images = SentImages::default();
        Self { deltas, model, price, usage, arrived, counted, sent, images, due }
    }

    #[must_use]
    pub(crate) fn with_images(mut self, images: SentImages) -> Self {
        self.images = images;
        self
    }

    /// The provider answers. Its model may have worked, whatever is read from now on.
    pub(crate) fn begin(&mut self) {
        self.due = Billing::Yes;
    }

    /// The counters so far, and the bytes of the answer.
    pub(crate) fn note(&mut self, usage: Option<Usage>, arrived: u64) {
        if usage != self.usage {
            self.counted = arrived;
        }
        (self.usage, self.arrived, self.due) = (usage, arrived, Billing::Yes);
    }

    /// No model answered: the provider refused or was not reached, or something else than a
    /// provider spoke.
    pub(crate) fn cancel(&mut self) {
        (self.usage, self.due) = (None, Billing::No);
    }

    fn is_due(&self) -> bool {
        match self.due {
            Billing::No => false,
            Billing::IfSent => self.sent.get() > 0,
            Billing::Yes => true,
        }
    }

    /// What the counters do not include: the prompt if there are none, and what came after them.
    fn estimate(&self) -> Estimate {
        // Some gateways send zeros until their last chunk: no prompt is that short.
        let tells_prompt = self.usage.is_some_and(|usage| usage.input_tokens > 0);
        let prompt = if tells_prompt { 0 } else { self.sent.get() };
        let text = prompt.saturating_sub(self.images.bytes);
        let images = if prompt == 0 { 0 } else { self.images.count * TOKENS_OF_IMAGE };
        let usage = Usage {
            input_tokens: tokens_of_bytes(text) + images,
            output_tokens: tokens_of_bytes(self.arrived.saturating_sub(self.counted)),
            ..Usage::default()
        };
        let cost = self.price.map(|price| price.of(&usage)).unwrap_or_default();
        Estimate { tokens: usage.total(), cost }
    }
}

impl Drop for Bill<'_> {
    fn drop(&mut self) {
        if !self.is_due() {
            return;
        }
        // Without counters for all of it the cost is unknown, except for a free model. An unknown cost
        // hides the whole sum, because a partial one looks complete (ADR 16).
        let (told, estimate) = (self.usage.unwrap_or_default(), self.estimate());
        let is_counted = self.usage.is_some() && estimate == Estimate::default();
        let is_known = is_counted || self.price == Some(Price::FREE);
        let cost = self.price.filter(|_| is_known).map(|price| price.of(&told));
        let spend = Spend::of_call(told, cost);
        record(&spend);
        self.deltas.spend(ModelSpend::request(self.model, spend).with_estimate(estimate));
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
