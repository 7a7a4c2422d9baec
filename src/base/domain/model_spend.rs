//! What requests cost, told apart by the model that was billed (ADR 30).

use std::sync::Arc;

use super::{Estimate, Spend};

/// The requests to one model, and what they cost.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ModelSpend {
    /// Empty if it is not known.
    pub model: Arc<str>,
    pub requests: u64,
    pub spend: Spend,
    pub estimate: Estimate,
}

/// What several models cost, the last one asked at the end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SpendByModel(Vec<ModelSpend>);

impl ModelSpend {
    pub fn request(model: &str, spend: Spend) -> Self {
        let estimate = Estimate::default();
        Self { model: Arc::from(model), requests: 1, spend, estimate }
    }

    /// The same, and what its provider has not told.
    #[must_use]
    pub fn with_estimate(self, estimate: Estimate) -> Self {
        Self { estimate, ..self }
    }

    fn join(&mut self, more: &Self) {
        self.requests = self.requests.saturating_add(more.requests);
        self.spend += more.spend;
        self.estimate += more.estimate;
    }
}

impl SpendByModel {
    /// One request of which nothing is known.
    pub fn unknown() -> Self {
        Self(vec![ModelSpend::request("", Spend::unknown())])
    }

    pub fn add(&mut self, more: ModelSpend) {
        let known = self.0.iter().position(|known| known.model == more.model);
        let Some(mut sum) = known.map(|place| self.0.remove(place)) else {
            return self.0.push(more);
        };
        sum.join(&more);
        self.0.push(sum);
    }

    pub fn add_all(&mut self, more: Self) {
        more.0.into_iter().for_each(|one| self.add(one));
    }

    pub fn total(&self) -> Spend {
        self.0.iter().fold(Spend::default(), |sum, one| sum + one.spend)
    }

    pub fn models(&self) -> &[ModelSpend] {
        &self.0
    }
}
