//! Which model answers: the choice is stored with the message and applies to all that answers it.

use super::super::context::ChatContext;
use super::super::request::chosen;
use super::super::turn::TurnLog;
use super::super::{Fact, Level};
use base::domain::{Item, ItemContent};

/// The chosen model, unless it was removed from the configuration since. A retry must not fail
/// because of that, so the default model answers and a notice says so (ADR 17).
pub(crate) fn offered_choice(
    chat: &ChatContext,
    choice: Option<String>,
    log: &TurnLog,
) -> Option<String> {
    let choice = choice?;
    let models = chat.model.choices();
    if models.iter().any(|id| **id == *choice) {
        return Some(choice);
    }
    let usual = models.first()?;
    let message =
        format!("The model chosen for this message is no longer offered; {usual} answers.");
    log.tell(Fact::Notice { level: Level::Warning, message });
    None
}

/// The model chosen with a message of the user.
pub(crate) fn choice_in(item: &Item) -> Option<String> {
    let ItemContent::UserMessage { inference_options, .. } = &item.content else { return None };
    chosen(inference_options)
}
