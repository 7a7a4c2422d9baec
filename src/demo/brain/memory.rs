//! What the brain remembers from the turns before, read from the transcript alone.

use jiff::Zoned;

use super::intent::{Action, Change, Chat, Intent, Tone, Unclear, understand};
use super::lookup::{Todo, fitting};
use super::target::{Place, Target, read_target};
use super::words::{after, lowers, opens, words};

/// What earlier turns left behind.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Memory {
    /// Ids in the order of the numbered list shown last.
    pub(super) shown: Vec<String>,
    /// Ids of what was made or changed last.
    pub(super) touched: Vec<String>,
    /// A question that waits for an answer.
    pub(super) pending: Option<Pending>,
}

/// A question that was asked back.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Pending {
    /// Which of these?
    Choose { candidates: Vec<Todo>, action: Action },
    /// Really?
    Confirm(Vec<Intent>),
}

/// Reads a message in the light of what was asked before it.
pub(super) fn understand_after(text: &str, memory: &Memory, now: &Zoned) -> Vec<Intent> {
    let read = understand(text, now);
    match (&memory.pending, read.as_slice()) {
        (Some(Pending::Confirm(intents)), [Intent::Chat(Chat::Yes)]) => confirmed(intents),
        (
            Some(Pending::Choose { candidates, action }),
            [Intent::Unclear(_) | Intent::Chat(Chat::Yes)],
        ) => chosen(text, candidates, action, now).map_or(read, |intent| vec![intent]),
        (Some(Pending::Choose { candidates, action }), [Intent::List(_)]) => {
            chosen(text, candidates, action, now).map_or(read, |intent| vec![intent])
        }
        _ => read,
    }
}

/// The todos at places of the list shown last; the place that is not there otherwise.
pub(super) fn at_places(places: &[Place], shown: &[String]) -> Result<Vec<String>, Place> {
    let found = places.iter().map(|place| {
        let id = match place {
            Place::At(at) => shown.get(at.saturating_sub(1)),
            Place::Last => shown.last(),
        };
        id.cloned().ok_or(*place)
    });
    found.collect()
}

/// Asked and confirmed: an offer becomes an addition, a sweeping change a plain one.
fn confirmed(intents: &[Intent]) -> Vec<Intent> {
    let confirm = |intent: &Intent| match intent {
        Intent::Offer(todos) => Intent::Add(todos.clone()),
        Intent::Change(change) => Intent::Change(Change { tone: Tone::Plain, ..change.clone() }),
        Intent::Add(_) | Intent::List(_) | Intent::Chat(_) | Intent::Unclear(_) => intent.clone(),
    };
    intents.iter().map(confirm).collect()
}

/// "The second one", "2", "the oat one", "both": the answer to "which of these?".
fn chosen(text: &str, candidates: &[Todo], action: &Action, now: &Zoned) -> Option<Intent> {
    let all = words(text);
    let lead: &[&[&str]] =
        &[&["i", "mean"], &["i", "meant"], &["please"], &["it", "is"], &["yes"], &["no", ","]];
    let lowered = lowers(&all);
    let skip = lead.iter().find(|lead| opens(&lowered, lead)).map_or(0, |lead| lead.len());
    let keys: Vec<String> = candidates.iter().map(Todo::key).collect();
    let ids = match read_target(after(&all, skip), now).ok()? {
        Target::Places(places) => at_places(&places, &keys).ok()?,
        Target::Them => keys,
        Target::All(filter) if filter.is_default() => keys,
        Target::Named { whole, .. } => {
            let known: Vec<&Todo> = candidates.iter().collect();
            fitting(&known, &whole).into_iter().map(Todo::key).collect()
        }
        Target::It | Target::All(_) | Target::Found(_) => return None,
    };
    let target = if ids.is_empty() { return None } else { Target::Found(ids) };
    Some(Intent::Change(Change { target, action: action.clone(), tone: Tone::Plain }))
}

/// Whether a message is no work at all, so that an open question may stay open.
pub(super) fn is_idle(intents: &[Intent]) -> bool {
    let idle = |intent: &Intent| {
        matches!(
            intent,
            Intent::Unclear(Unclear::Unknown)
                | Intent::Chat(Chat::Help | Chat::Date | Chat::Time | Chat::Who | Chat::Greet)
        )
    };
    intents.iter().all(idle)
}
