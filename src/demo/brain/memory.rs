//! What the brain knows from earlier turns, read only from the transcript (ADR 9).

use jiff::Zoned;

use super::acting::lookup::{Todo, fitting};
use super::reading::intent::{Action, Change, Intent, SmallTalk, Tone, Unclear};
use super::reading::patterns;
use super::reading::target::{ListPosition, Target, read_target};
use super::reading::understand;
use super::reading::words::{after, lowers, words};

#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Memory {
    /// Ids in the order of the last numbered list, for "number 2".
    pub(super) shown: Vec<String>,
    /// Ids of what was created or changed last, for "it" and "them".
    pub(super) touched: Vec<String>,
    pub(super) pending: Option<Pending>,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Pending {
    /// Which of these? The options are those of a form, if there was one.
    Choose { candidates: Vec<Todo>, action: Action, options: Vec<FormOption> },
    /// Really?
    Confirm(Vec<Intent>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct FormOption {
    pub(super) label: String,
    pub(super) id: String,
}

impl Pending {
    /// Ids in the order of the choices shown.
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

/// Reads a message as the answer to an open question, or on its own.
pub(super) fn understand_after(text: &str, memory: &Memory, now: &Zoned) -> Vec<Intent> {
    let read = understand(text, now);
    let answer = match (&memory.pending, read.as_slice()) {
        (Some(Pending::Confirm(intents)), [Intent::Chat(SmallTalk::Yes)]) => {
            return confirmed(intents);
        }
        (Some(pending @ Pending::Choose { candidates, action, options }), read) => {
            // An option is an answer even if it sounds like a command: "Delete all todos" may be a
            // title.
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

/// The ids at these places of the last list, or the first place that it does not have.
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

/// After a yes: an offer becomes an addition, a sweeping change a plain one.
fn confirmed(intents: &[Intent]) -> Vec<Intent> {
    let confirm = |intent: &Intent| match intent {
        Intent::Offer(todos) => Intent::Add(todos.clone()),
        Intent::Change(change) => Intent::Change(Change { tone: Tone::Plain, ..change.clone() }),
        Intent::Add(_) | Intent::List(_) | Intent::Undo | Intent::Chat(_) | Intent::Unclear(_) => {
            intent.clone()
        }
    };
    intents.iter().map(confirm).collect()
}

/// The chosen options of a form: their labels, separated by ", ".
fn ticked(text: &str, options: &[FormOption]) -> Option<Vec<String>> {
    let labels: Vec<(String, &str)> =
        options.iter().map(|option| (option.label.to_lowercase(), option.id.as_str())).collect();
    let known: Vec<_> = labels.iter().map(|(label, id)| (label.as_str(), *id)).collect();
    let ids = labelled(&text.trim().to_lowercase(), &known)?;
    Some(ids.into_iter().map(ToOwned::to_owned).collect())
}

/// Labels may contain commas, so each is tried in turn. None is chosen twice.
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
    let lowered = lowers(&all);
    let skip = patterns::find("before a choice", &lowered).map_or(0, |rest| rest.start);
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

/// One candidate for the whole name or for each of its parts. A name that fits several is asked
/// about again.
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

/// Whether a message is no work, so that an open question stays open.
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
