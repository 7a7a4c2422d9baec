//! What a thread is called until the person says otherwise: its first words, or the model's.

use std::pin::pin;
use std::time::Duration;

use tokio::select;
use tokio::time::{Instant, sleep, timeout};

use super::super::admission::claim_when_free;
use super::super::context::ChatContext;
use super::super::turn::TurnLog;
use super::super::{Closing, Fact, Naming, Resource, ThreadsError, TurnEnd};
use crate::agents::{Deltas, ModelRequest};
use crate::domain::{Assistant, Message, Spend, Thread, ThreadId, clean};

/// How long the model may think about a title.
const PATIENCE: Duration = Duration::from_secs(5);

/// So long a stream stays open for a title behind the end of its turn.
const AT_ONCE: Duration = Duration::from_millis(500);

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

/// A new thread, once its first turn is over.
pub(in crate::chat) struct Unnamed {
    thread: ThreadId,
    /// What the person said first.
    words: String,
    /// What was answered, if that is whole: only then the model is asked.
    answer: Option<String>,
}

impl Unnamed {
    pub(in crate::chat) fn new(words: String, end: &TurnEnd) -> Self {
        let answer = end.outcome.is_success().then(|| end.text.clone());
        Self { thread: end.thread.clone(), words, answer }
    }
}

impl ChatContext {
    /// Names a thread after its first turn. The turn is over, and its thread let go: a title that
    /// comes at once still reaches its readers, any other is only kept.
    pub(in crate::chat) async fn name(&self, unnamed: Unnamed, log: &TurnLog) {
        if unnamed.answer.is_none() {
            log.close(); // What went wrong is the last thing that is told.
        }
        let mut naming = pin!(self.name_by_model(&unnamed));
        let (named, spent) = if let Ok(named) = timeout(AT_ONCE, naming.as_mut()).await {
            named
        } else {
            log.close();
            naming.await
        };
        if let Some(thread) = named {
            log.tell(Fact::ThreadUpdated(Box::new(thread)));
        }
        log.close();
        if spent != Spend::default() {
            self.pay(&unnamed.thread, spent).await;
        }
    }

    /// The thread with its title, if it got one, and what that cost.
    async fn name_by_model(&self, unnamed: &Unnamed) -> (Option<Thread>, Spend) {
        let (title, spent) = match &unnamed.answer {
            Some(answer) => self.title_by_model(&unnamed.words, answer).await,
            None => (None, Spend::default()),
        };
        let Some(title) = title.or_else(|| title_of(&unnamed.words)) else { return (None, spent) };
        match self.store.name(&unnamed.thread, &title, Naming::IfNone).await {
            Ok(thread) => (thread, spent),
            Err(error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "Title was not kept");
                (None, spent)
            }
        }
    }

    /// The thread pays for its name, once nobody else writes in it.
    async fn pay(&self, thread: &ThreadId, more: Spend) {
        let resource = Resource::from(thread);
        let paid = select! {
            paid = self.pay_when_free(thread, &resource, more) => paid,
            () = sleep(self.settings.turn_timeout) => Ok(false),
            () = self.shortly_after_the_drain() => Ok(false),
        };
        tell_whether_paid(paid);
    }

    async fn shortly_after_the_drain(&self) {
        self.drained.cancelled().await;
        sleep(Duration::from_secs(1)).await;
    }

    async fn pay_when_free(
        &self,
        thread: &ThreadId,
        resource: &Resource,
        more: Spend,
    ) -> Result<bool, ThreadsError> {
        let Some(lease) = claim_when_free(&*self.store, resource).await? else { return Ok(false) };
        let thread = match self.store.find(thread).await {
            Ok(Some(thread)) => thread,
            unknown => {
                self.release_lease(&lease).await;
                return unknown.map(|_| false);
            }
        };
        let spent = thread.spent + more;
        let paid = self.store.end(&lease, Closing { spent, ..Closing::default() }).await;
        if paid.is_err() {
            self.release_lease(&lease).await;
        }
        paid.map(|()| true)
    }

    /// What the model would call the conversation, if it answers in time and nothing has to end, and
    /// what asking cost.
    async fn title_by_model(&self, words: &str, answer: &str) -> (Option<String>, Spend) {
        let said = Assistant { text: answer.to_owned(), ..Assistant::default() };
        let messages = [Message::User { text: words.to_owned() }, Message::Assistant(said)];
        let request = ModelRequest {
            model: None,
            system: SYSTEM,
            messages: &messages,
            tools: &[],
            deadline: Instant::now() + PATIENCE,
        };
        let deltas = Deltas::unheard();
        let asking = timeout(PATIENCE, self.model.reply(request, &deltas));
        let asked = self.draining.run_until_cancelled(asking).await;
        let reply = asked.and_then(Result::ok).and_then(Result::ok);
        let title = reply.and_then(|reply| {
            title_of(clean(&reply.message.text).trim().trim_matches(['"', '“', '”', '.']))
        });
        (title, deltas.spent())
    }
}

fn tell_whether_paid(paid: Result<bool, ThreadsError>) {
    match paid {
        Ok(true) => {}
        Ok(false) => tracing::info!("Nobody is left to pay for a title"),
        Err(error) => {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(error, "A title was not paid for");
        }
    }
}
