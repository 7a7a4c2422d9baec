//! What the brain remembers from the turns before, read from the transcript alone.

use jiff::Zoned;

use super::intent::{Action, Change, Intent, SmallTalk, Tone, Unclear};
use super::lookup::{Todo, fitting};
use super::reading::understand;
use super::target::{ListPosition, Target, read_target};
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
    /// Which of these? The options are those of the form, if it was one.
    Choose { candidates: Vec<Todo>, action: Action, options: Vec<FormOption> },
    /// Really?
    Confirm(Vec<Intent>),
}

/// An option of a form, and the id of the todo that it stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct FormOption {
    pub(super) label: String,
    pub(super) id: String,
}

impl Pending {
    /// Ids in the order of the choices on the screen.
    pub(super) fn ids(&self) -> Vec<String> {
        match self {
            Self::Choose { candidates, options, .. } if options.is_empty() => {
                candidates.iter().map(Todo::key).collect()
            }
            Self::Choose { options, .. } => {
                options.iter().map(|option| option.id.clone()).collect()
            }
            Self::Confirm(_) => Vec::new(),
        }
    }
}

/// Reads a message in the light of what was asked before it.
pub(super) fn understand_after(text: &str, memory: &Memory, now: &Zoned) -> Vec<Intent> {
    let read = understand(text, now);
    let answer = match (&memory.pending, read.as_slice()) {
        (Some(Pending::Confirm(intents)), [Intent::Chat(SmallTalk::Yes)]) => {
            return confirmed(intents);
        }
        (Some(pending @ Pending::Choose { candidates, action, options }), read) => {
            // An option is an answer even if it sounds like an order: "Delete all todos" may be a title.
            let ticked = ticked(text, options).map(Target::Found);
            let loose = matches!(
                read,
                [Intent::Unclear(_) | Intent::Chat(SmallTalk::Yes)] | [Intent::List(_)]
            );
            let chosen = || loose.then(|| chosen(text, candidates, &pending.ids(), now)).flatten();
            ticked.or_else(chosen).map(|target| (target, action.clone()))
        }
        _ => None,
    };
    answer.map_or(read, |(target, action)| {
        vec![Intent::Change(Change { target, action, tone: Tone::Plain })]
    })
}

/// The todos at places of the list shown last; the place that is not there otherwise.
pub(super) fn at_places(
    places: &[ListPosition],
    shown: &[String],
) -> Result<Vec<String>, ListPosition> {
    let found = places.iter().map(|place| {
        let id = match place {
            ListPosition::At(at) => shown.get(at.saturating_sub(1)),
            ListPosition::Last => shown.last(),
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

/// The options that a form was answered with: their labels, with ", " between them.
fn ticked(text: &str, options: &[FormOption]) -> Option<Vec<String>> {
    let labels: Vec<(String, &str)> =
        options.iter().map(|option| (option.label.to_lowercase(), option.id.as_str())).collect();
    let known: Vec<_> = labels.iter().map(|(label, id)| (label.as_str(), *id)).collect();
    let ids = labelled(&text.trim().to_lowercase(), &known)?;
    Some(ids.into_iter().map(ToOwned::to_owned).collect())
}

/// Labels may hold commas themselves, so each is tried in its turn; none is ticked twice.
fn labelled<'a>(text: &str, known: &[(&str, &'a str)]) -> Option<Vec<&'a str>> {
    known.iter().find_map(|(label, id)| {
        let rest = text.strip_prefix(label)?;
        if rest.is_empty() {
            return Some(vec![*id]);
        }
        let others: Vec<_> = known.iter().filter(|(_, other)| other != id).copied().collect();
        let mut ids = labelled(rest.strip_prefix(", ")?, &others)?;
        ids.insert(0, id);
        Some(ids)
    })
}

/// "The second one", "2", "the oat one", "both": the answer to "which of these?".
fn chosen(text: &str, candidates: &[Todo], ids: &[String], now: &Zoned) -> Option<Target> {
    let all = words(text);
    let lead: &[&[&str]] =
        &[&["i", "mean"], &["i", "meant"], &["please"], &["it", "is"], &["yes"], &["no", ","]];
    let lowered = lowers(&all);
    let skip = lead.iter().find(|lead| opens(&lowered, lead)).map_or(0, |lead| lead.len());
    let known: Vec<&Todo> = candidates.iter().collect();
    let ids = match read_target(after(&all, skip), now).ok()? {
        Target::Places(places) => at_places(&places, ids).ok()?,
        Target::Them => ids.to_vec(),
        Target::All(filter) if filter.is_default() => ids.to_vec(),
        Target::Named { whole, parts } => return named(whole, &parts, &known),
        Target::It | Target::All(_) => return None,
        Target::Found(_) | Target::Among { .. } => return None,
    };
    (!ids.is_empty()).then_some(Target::Found(ids))
}

/// One of the candidates for the whole name or for each of its parts; a name that fits several of
/// them is asked again.
fn named(whole: String, parts: &[String], candidates: &[&Todo]) -> Option<Target> {
    let one = |name: &String| match fitting(candidates, name).as_slice() {
        [only] => Some(only.key()),
        _ => None,
    };
    let ids = one(&whole).map_or_else(|| parts.iter().map(one).collect(), |id| Some(vec![id]));
    ids.map(Target::Found).or_else(|| {
        let fits: Vec<String> = fitting(candidates, &whole).into_iter().map(Todo::key).collect();
        (!fits.is_empty()).then_some(Target::Among { name: whole, ids: fits })
    })
}

/// Whether a message is no work at all, so that an open question may stay open.
pub(super) fn is_idle(intents: &[Intent]) -> bool {
    let idle = |intent: &Intent| {
        matches!(
            intent,
            Intent::Unclear(Unclear::Unknown)
                | Intent::Chat(
                    SmallTalk::Help
                        | SmallTalk::Date
                        | SmallTalk::Time
                        | SmallTalk::Who
                        | SmallTalk::Greet
                )
        )
    };
    intents.iter().all(idle)
}
