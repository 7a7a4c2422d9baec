//! Which model is to answer: the choice is kept with the message and goes for all that answers it.

use super::super::context::ChatContext;
use super::super::request::chosen;
use super::super::turn::TurnLog;
use super::super::{Fact, Level};
use crate::domain::{Item, ItemContent};

impl ChatContext {
    /// What was chosen, unless it was taken out of the configuration since; then the person hears
    /// that the usual model answers.
    pub(in crate::chat) fn offered(&self, choice: Option<String>, log: &TurnLog) -> Option<String> {
        let choice = choice?;
        let models = self.model.choices();
        if models.iter().any(|id| **id == *choice) {
            return Some(choice);
        }
        let usual = models.first()?;
        let message =
            format!("The model chosen for this message is no longer offered; {usual} answers.");
        log.tell(Fact::Notice { level: Level::Warning, message });
        None
    }
}

/// What was chosen with a message of the person.
pub(in crate::chat) fn choice_in(item: &Item) -> Option<String> {
    let ItemContent::UserMessage { inference_options, .. } = &item.content else { return None };
    chosen(inference_options)
}
