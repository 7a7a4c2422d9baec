//! The title of a thread until the user renames it: its first words, or one by the model.

use std::pin::pin;
use std::time::Duration;

use tokio::select;
use tokio::time::{Instant, sleep, timeout};

use super::super::admission::{claim_when_free, release_lease};
use super::super::context::ChatContext;
use super::super::turn::TurnLog;
use super::super::{Charge, Closing, Fact, Naming, Resource, ThreadsError, TurnEnd};
use super::closer::{Payer, charge_alone};
use base::agents::{Deltas, ModelRequest};
use base::domain::{Assistant, Message, SpendByModel, Thread, ThreadId, clean, unlinked};

/// How long the model may take for a title.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long a stream stays open for a title after the end of its turn (ADR 20).
const AT_ONCE: Duration = Duration::from_millis(500);

const SYSTEM: &str = "Give this conversation a title of two to five words, in its language. \
Answer with the title alone: no quotes, no full stop.";

/// In characters; longer titles are cut at a word.
const MAX_CHARS: usize = 48;

/// A short title; `None` without any words.
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

/// A new thread after its first turn.
pub(crate) struct Unnamed {
    payer: Payer,
    thread: ThreadId,
    /// The first message of the user.
    words: String,
    /// The answer; `None` if the turn failed: then the model is not asked.
    answer: Option<String>,
}

impl Unnamed {
    pub(super) fn new(payer: Payer, words: String, end: &TurnEnd) -> Self {
        let answer = end.outcome.is_success().then(|| end.text.clone());
        Self { payer, thread: end.thread.clone(), words, answer }
    }
}

/// Titles a thread after its first turn. The turn is over and its thread released. A title that
/// comes within [`AT_ONCE`] reaches the readers, a later one is only stored.
pub(crate) async fn name_thread(chat: &ChatContext, unnamed: Unnamed, log: &TurnLog) {
    if unnamed.answer.is_none() {
        log.close(); // After a failure nothing follows the end.
    }
    let mut naming = pin!(name_by_model(chat, &unnamed));
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
    if spent != SpendByModel::default() {
        pay(chat, &unnamed, spent).await;
    }
}

/// The thread, if it was given a title, and the cost.
async fn name_by_model(chat: &ChatContext, unnamed: &Unnamed) -> (Option<Thread>, SpendByModel) {
    let (title, spent) = match &unnamed.answer {
        Some(answer) => title_by_model(chat, &unnamed.words, answer).await,
        None => (None, SpendByModel::default()),
    };
    let Some(title) = title.or_else(|| title_of(&unnamed.words)) else { return (None, spent) };
    // The user may have renamed it in the meantime.
    match chat.store.name(&unnamed.payer.owner, &unnamed.thread, &title, Naming::IfNone).await {
        Ok(thread) => (thread, spent),
        Err(error) => {
            tracing::warn!(error = &error as &dyn std::error::Error, "Title was not stored");
            (None, spent)
        }
    }
}

/// Charges the thread for its title once no other turn holds it: only a holder of the lease
/// writes a total (ADR 16).
async fn pay(chat: &ChatContext, unnamed: &Unnamed, more: SpendByModel) {
    let turn = format!("title:{}", unnamed.payer.attempt);
    let charge = Charge { turn, turns: 0, spends: more };
    let paid = select! {
        paid = pay_when_free(chat, unnamed, &charge) => paid,
        () = sleep(chat.settings.turn_timeout) => Ok(false),
        () = shortly_after_the_drain(chat) => Ok(false),
    };
    if !matches!(paid, Ok(true)) {
        charge_alone(chat, &unnamed.payer.owner, &unnamed.thread, &charge).await;
    }
    tell_whether_paid(paid);
}

async fn shortly_after_the_drain(chat: &ChatContext) {
    chat.drained.cancelled().await;
    // Less than the 3 s for which a drain waits after it has told turns to stop.
    sleep(Duration::from_secs(1)).await;
}

async fn pay_when_free(
    chat: &ChatContext,
    Unnamed { payer: Payer { owner, .. }, thread, .. }: &Unnamed,
    charge: &Charge,
) -> Result<bool, ThreadsError> {
    let claimed = claim_when_free(&*chat.store, owner, &Resource::from(thread)).await?;
    let Some(lease) = claimed else { return Ok(false) };
    let thread = match chat.store.find(owner, thread).await {
        Ok(Some(thread)) => thread,
        unknown => {
            release_lease(chat, &lease).await;
            return unknown.map(|_| false);
        }
    };
    let spent = thread.spent + charge.spends.total();
    let closing = Closing { spent, charge: Some(charge.clone()), ..Closing::default() };
    let paid = chat.store.end(&lease, closing).await;
    // The next message must not wait for this lease to expire.
    if paid.is_err() {
        release_lease(chat, &lease).await;
    }
    paid.map(|()| true)
}

/// A title by the model, and its cost. No title if it takes too long, fails, or the server
/// drains.
async fn title_by_model(
    chat: &ChatContext,
    words: &str,
    answer: &str,
) -> (Option<String>, SpendByModel) {
    let said = Assistant { text: answer.to_owned(), ..Assistant::default() };
    let messages = [Message::User { text: words.to_owned() }, Message::Assistant(said)];
    let request = ModelRequest {
        // The default model writes titles, whatever was chosen for the message (ADR 17).
        model: None,
        system: SYSTEM,
        messages: &messages,
        images: &[],
        tools: &[],
        deadline: Instant::now() + PATIENCE,
    };
    let deltas = Deltas::unheard();
    let asking = timeout(PATIENCE, chat.model.reply(request, &deltas));
    // A drain does not wait for titles.
    let asked = chat.draining.run_until_cancelled(asking).await;
    let reply = asked.and_then(Result::ok).and_then(Result::ok);
    let title = reply.and_then(|reply| {
        title_of(unlinked(&clean(&reply.message.text)).trim().trim_matches(['"', '“', '”', '.']))
    });
    (title, deltas.spent())
}

fn tell_whether_paid(paid: Result<bool, ThreadsError>) {
    match paid {
        Ok(true) => {}
        Ok(false) => {
            tracing::info!("The cost of a title is not in its thread: that is gone or busy");
        }
        Err(error) => {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(error, "The cost of a title was not recorded");
        }
    }
}
