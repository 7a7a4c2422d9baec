//! What a thread is called until the person says otherwise: its first words, or the model's.

use std::time::Duration;

use tokio::time::Instant;

use super::TurnEnd;
use super::shared::Shared;
use crate::agents::{Deltas, ModelRequest};
use crate::domain::{Assistant, Message, Spend, clean};

/// How long the model may think about a title.
const PATIENCE: Duration = Duration::from_secs(5);

const SYSTEM: &str = "Give this conversation a title of two to five words, in its language. \
Answer with the title alone: no quotes, no full stop.";

/// Longer titles are cut at a word.
const MAX_CHARS: usize = 48;

/// A short title, if there are any words.
pub fn title_of(words: &str) -> Option<String> {
    let line = words.lines().map(str::trim).find(|line| !line.is_empty())?;
    let words = line.split_whitespace();
    let mut title = String::new();
    for word in words {
        let length = title.chars().count() + 1 + word.chars().count();
        if !title.is_empty() && length > MAX_CHARS {
            title.push('…');
            break;
        }
        if !title.is_empty() {
            title.push(' ');
        }
        title.extend(word.chars().take(MAX_CHARS));
    }
    let mut letters = title.chars();
    let first = letters.next()?;
    Some(first.to_uppercase().chain(letters).collect())
}

impl Shared {
    /// What the model would call the conversation, if it answers in time, and what asking cost.
    pub(super) async fn title_by_model(
        &self,
        words: &str,
        end: &TurnEnd,
    ) -> (Option<String>, Spend) {
        let said = Assistant { text: end.text.clone(), ..Assistant::default() };
        let messages = [Message::User { text: words.to_owned() }, Message::Assistant(said)];
        let request = ModelRequest {
            model: None,
            system: SYSTEM,
            messages: &messages,
            tools: &[],
            deadline: Instant::now() + PATIENCE,
        };
        // Nobody watches a title grow.
        let deltas = Deltas::unheard();
        let reply = self.model.reply(request, &deltas).await;
        let title = reply.ok().and_then(|reply| {
            title_of(clean(&reply.message.text).trim().trim_matches(['"', '“', '”', '.']))
        });
        (title, deltas.spent())
    }
}
