//! Refusals of tools: short sentences for the model, which say what to do and contain no internals.

use super::history::KEEP_DAYS;

/// Characters of an unknown id that are repeated.
const SHOWN_OF_ID: usize = 64;

/// Limit of serde's message about wrong arguments, which quotes them.
const MAX_ACCOUNT: usize = 300;

#[derive(Debug, thiserror::Error)]
pub(super) enum Refusal {
    #[error("There is no todo with id {0}. Call list_todos to see the ids.")]
    UnknownId(String),
    #[error("The title is empty. Give a title of 1 to {0} characters.")]
    NoTitle(usize),
    #[error("The {field} is longer than {limit} characters. Shorten it.")]
    TooLong { field: &'static str, limit: usize },
    #[error("There are more than {0} tags. Give fewer.")]
    TooManyTags(usize),
    #[error("The {0} is not a date. Use 2026-11-22, or 2026-11-22T17:00 for a time of day.")]
    NotADate(&'static str),
    #[error(
        "The {0} has an offset or a zone. Send the person's local time without it, as in \
         2026-11-22T17:00."
    )]
    Offset(&'static str),
    #[error("The {0} is not a day. Use 2026-11-22.")]
    NotADay(&'static str),
    #[error("The limit must be from 1 to {0}.")]
    Limit(i64),
    #[error("The offset must not be negative.")]
    NegativeOffset,
    #[error("Nothing to change was given. Name at least one field besides the id.")]
    NothingToChange,
    #[error("The arguments do not fit: {0}. Correct them and call again.")]
    Arguments(String),
    #[error("There are {0} todos, and no more fit. Delete some first.")]
    Full(i64),
    #[error("There is no change that can be undone. Changes are kept for {KEEP_DAYS} days.")]
    NothingToUndo,
    #[error("There is no change {0}. Call list_changes to see their numbers.")]
    UnknownChange(i64),
    #[error("Change {0} is undone already. Nothing was done.")]
    AlreadyUndone(i64),
    #[error("The todo was changed again since. Undo change {0} first.")]
    ChangedSince(i64),
    #[error("The todo with id {0} is not in the trash. Nothing was done.")]
    NotInTrash(String),
    #[error("The idempotency key must be a text of 1 to {0} printable characters.")]
    Key(usize),
    #[error("The idempotency key was used for another call.")]
    KeyOfAnother,
    #[error("The todo server failed, so whether this was done is unknown. Check with list_todos.")]
    Failed,
    #[error("The owner of a call must be anyone, or a tenant and a user as in tenant/user.")]
    Owner,
    #[error(
        "The server was not told whose todos these are, or is not allowed to know. Its operator has to set tell_owner and a token that speaks for others."
    )]
    Untold,
    #[error("The todo database is being prepared. Nothing was done. Try again in a minute.")]
    Preparing,
    #[error("The todo database does not answer. Try again later.")]
    Unreadable,
    #[error(
        "The todo database does not answer, so whether this was saved is unknown. \
         Check with list_todos before trying again."
    )]
    Unsaved,
}

impl Refusal {
    /// Repeats the id, so that a model that asked for several knows which one it was.
    pub(super) fn unknown_id(id: &str) -> Self {
        Self::UnknownId(id.chars().filter(char::is_ascii_graphic).take(SHOWN_OF_ID).collect())
    }

    /// Arguments that do not fit the tool's type.
    pub(super) fn arguments(account: &str) -> Self {
        Self::Arguments(account.trim().chars().take(MAX_ACCOUNT).collect())
    }
}

impl From<Refusal> for String {
    fn from(refusal: Refusal) -> Self {
        refusal.to_string()
    }
}
