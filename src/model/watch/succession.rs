//! Replaces the default model by its successor when the provider no longer offers it (ADR 17). A
//! model that the operator named is never replaced.

use std::sync::{Arc, OnceLock};

use super::lifetimes::successor_of;
use super::warnings::Warnings;
use crate::fault::failure::Failure;
use crate::fault::remedy::Remedy;
use crate::settings::Settings;

pub(crate) struct RequestedModel {
    pub(crate) settings: Settings,
    pub(crate) warnings: Warnings,
}

/// Which model is requested. A successor, once found, stays for the life of the process.
pub(crate) struct Succession {
    first: RequestedModel,
    successor: OnceLock<RequestedModel>,
}

impl RequestedModel {
    fn new(settings: Settings) -> Self {
        Self { warnings: Warnings::of(&settings.model), settings }
    }

    pub(crate) fn name(&self) -> Arc<str> {
        Arc::from(self.settings.model.as_str())
    }
}

impl Succession {
    pub(crate) fn new(settings: Settings) -> Self {
        Self { first: RequestedModel::new(settings), successor: OnceLock::new() }
    }

    pub(crate) fn now(&self) -> &RequestedModel {
        self.successor.get().unwrap_or(&self.first)
    }

    /// The successor, if it is in use.
    pub(crate) fn successor(&self) -> Option<&RequestedModel> {
        self.successor.get()
    }

    /// The successor to ask if the provider does not offer `asked`. Another turn may have detected
    /// it first.
    pub(crate) fn after(
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

    pub(crate) fn message(&self) -> Option<String> {
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
