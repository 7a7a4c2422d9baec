//! Replaces the default model by its successor when the provider no longer offers it (ADR 17). A
//! model that the operator named is never replaced.

use std::sync::{Arc, OnceLock};

use super::lifetimes::successor_of;
use super::warnings::Warnings;
use crate::model::fault::failure::Failure;
use crate::model::fault::remedy::Remedy;
use crate::model::settings::Settings;

pub(in crate::model) struct RequestedModel {
    pub(in crate::model) settings: Settings,
    pub(in crate::model) warnings: Warnings,
}

/// Which model is requested. A successor, once found, stays for the life of the process.
pub(in crate::model) struct Succession {
    first: RequestedModel,
    successor: OnceLock<RequestedModel>,
}

impl RequestedModel {
    fn new(settings: Settings) -> Self {
        Self { warnings: Warnings::of(&settings.model), settings }
    }

    pub(in crate::model) fn name(&self) -> Arc<str> {
        Arc::from(self.settings.model.as_str())
    }
}

impl Succession {
    pub(in crate::model) fn new(settings: Settings) -> Self {
        Self { first: RequestedModel::new(settings), successor: OnceLock::new() }
    }

    pub(in crate::model) fn now(&self) -> &RequestedModel {
        self.successor.get().unwrap_or(&self.first)
    }

    /// The successor, if it is in use.
    pub(in crate::model) fn successor(&self) -> Option<&RequestedModel> {
        self.successor.get()
    }

    /// The successor to ask if the provider does not offer `asked`. Another turn may have detected
    /// it first.
    pub(in crate::model) fn after(
        &self,
        asked: &RequestedModel,
        failure: &Failure,
    ) -> Option<&RequestedModel> {
        let Settings { model, is_chosen, .. } = &asked.settings;
        // Abilities and price of a named model are the operator's decision (ADR 17).
        if *is_chosen || failure.remedy != Some(Remedy::Model) {
            return None;
        }
        let model = successor_of(model)?.to_owned();
        Some(self.successor.get_or_init(|| {
            tracing::warn!("{}", words(&asked.settings.model, &model));
            RequestedModel::new(Settings { model, ..asked.settings.clone() })
        }))
    }

    pub(in crate::model) fn message(&self) -> Option<String> {
        let successor = self.successor.get()?;
        Some(words(&self.first.settings.model, &successor.settings.model))
    }
}

fn words(model: &str, successor: &str) -> String {
    format!(
        "{model} is not offered to this key, and its successor {successor} is asked instead: set \
         GEMINI_MODEL={successor}."
    )
}
