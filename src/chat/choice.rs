//! Which model is to answer: the choice is kept with the message and goes for all that answers it.

use super::audience::Audience;
use super::job::Job;
use super::request::chosen;
use super::shared::Shared;
use super::{Ask, Level, ThreadEvent, ThreadsError};
use crate::domain::{Item, ItemContent, ItemId, Order, PageRequest, ThreadId};

/// A form seldom stands further from its message.
const NEAR: u32 = 20;

impl Shared {
    /// What was chosen for the message that is to be answered.
    pub(super) async fn choice(&self, job: &Job) -> Result<Option<String>, ThreadsError> {
        match &job.request.ask {
            Ask::Message(message) => Ok(chosen(&message.inference_options)),
            Ask::Retry { item, .. } => {
                let asked = self.store.item(&job.thread, item).await?;
                Ok(asked.as_ref().and_then(choice_in))
            }
            Ask::Answer { item, .. } => self.choice_before(&job.thread, item).await,
        }
    }

    /// The choice of the message that a form belongs to.
    async fn choice_before(
        &self,
        thread: &ThreadId,
        form: &ItemId,
    ) -> Result<Option<String>, ThreadsError> {
        let mut after = form.to_string();
        loop {
            let before = PageRequest { limit: NEAR, order: Order::Desc, after: Some(after) };
            let page = match self.store.items(thread, &before).await {
                // There is no such form: that is told by those who look for it.
                Err(ThreadsError::UnknownCursor) => return Ok(None),
                page => page?,
            };
            if let Some(message) = page.data.iter().find(|item| is_message(item)) {
                return Ok(choice_in(message));
            }
            let Some(next) = page.after.filter(|_| page.has_more) else { return Ok(None) };
            after = next;
        }
    }

    /// What was chosen, unless it was taken out of the configuration since; then the person hears
    /// that the usual model answers.
    pub(super) async fn offered(
        &self,
        choice: Option<String>,
        audience: &Audience,
    ) -> Option<String> {
        let choice = choice?;
        let models = self.model.choices();
        if models.iter().any(|id| **id == *choice) {
            return Some(choice);
        }
        let usual = models.first()?;
        let message =
            format!("The model chosen for this message is no longer offered; {usual} answers.");
        audience.tell(ThreadEvent::Notice { level: Level::Warning, message }).await;
        None
    }
}

fn is_message(item: &Item) -> bool {
    matches!(item.content, ItemContent::UserMessage { .. })
}

fn choice_in(item: &Item) -> Option<String> {
    let ItemContent::UserMessage { inference_options, .. } = &item.content else { return None };
    chosen(inference_options)
}
