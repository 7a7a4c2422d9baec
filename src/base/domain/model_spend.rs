//! What requests cost, told apart by the model that was billed (ADR 30).

use std::sync::Arc;

use super::Spend;

/// The requests to one model, and what they cost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelSpend {
    /// Empty if it is not known.
    pub model: Arc<str>,
    pub requests: u64,
    pub spend: Spend,
}

/// What several models cost, the last one asked at the end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SpendByModel(Vec<ModelSpend>);

impl ModelSpend {
    pub fn request(model: &str, spend: Spend) -> Self {
        Self { model: Arc::from(model), requests: 1, spend }
    }
}

impl SpendByModel {
    /// One request of which nothing is known.
    pub fn unknown() -> Self {
        Self(vec![ModelSpend::request("", Spend::unknown())])
    }

    pub fn add(&mut self, more: ModelSpend) {
        let known = self.0.iter().position(|known| known.model == more.model);
        let known = known.map(|place| self.0.remove(place));
        self.0.push(match known {
            Some(ModelSpend { model, requests, spend }) => ModelSpend {
                model,
                requests: requests.saturating_add(more.requests),
                spend: spend + more.spend,
            },
            None => more,
        });
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
