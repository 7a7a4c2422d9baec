//! Reads one message, without its context.

pub(super) mod adding;
pub(super) mod asides;
pub(super) mod asking;
pub(super) mod change;
pub(super) mod changing;
pub(super) mod chatting;
pub(super) mod clauses;
pub(super) mod dates;
pub(super) mod days;
pub(super) mod details;
pub(super) mod filter;
pub(super) mod intent;
pub(super) mod items;
pub(super) mod patterns;
pub(super) mod stating;
pub(super) mod target;
pub(super) mod times;
pub(super) mod words;

use jiff::Zoned;

use self::adding::read_add;
use self::asking::read_question;
use self::changing::read_change;
use self::chatting::read_chat;
use self::clauses::{Clause, Manner, clauses};
use self::intent::{Intent, Unclear};
use self::stating::tags_and_notes;
use self::words::{Word, WordKind, lowers, words};

/// Longer messages are not commands, and matching them would take long.
const MOST_WORDS: usize = 300;

/// Small talk next to a command is dropped. If one part is not understood, the whole message is
/// not, so that nothing is half done.
pub(super) fn understand(text: &str, now: &Zoned) -> Vec<Intent> {
    if words(text).len() > MOST_WORDS {
        return vec![Intent::Unclear(Unclear::TooMany)];
    }
    let read: Vec<Intent> = clauses(text).iter().map(|clause| read_clause(clause, now)).collect();
    let unclear = read.iter().find(|intent| matches!(intent, Intent::Unclear(_)));
    if let Some(unclear) = unclear {
        return vec![unclear.clone()];
    }
    let (chat, mut work): (Vec<_>, Vec<_>) =
        read.into_iter().partition(|intent| matches!(intent, Intent::Chat(_)));
    if work.is_empty() {
        work = chat.into_iter().take(1).collect();
    }
    // What the last change is depends on the others.
    if work.len() > 1 && work.contains(&Intent::Undo) {
        return vec![Intent::Unclear(Unclear::Unknown)];
    }
    if work.is_empty() { vec![Intent::Unclear(Unclear::Unknown)] } else { work }
}

fn read_clause(clause: &Clause, now: &Zoned) -> Intent {
    let words = clause.words.as_slice();
    if let Some(chat) = read_chat(words) {
        return Intent::Chat(chat);
    }
    let asked = match clause.manner {
        Manner::Told | Manner::Requested => read_command(words, now),
        Manner::Asked => None,
        Manner::Refused => return Intent::Unclear(Unclear::Negated),
        Manner::HowTo => return Intent::Unclear(Unclear::HowTo),
    };
    asked
        .or_else(|| read_question(&without_bangs(words), now))
        .unwrap_or(Intent::Unclear(Unclear::Unknown))
}

fn read_command(words: &[Word], now: &Zoned) -> Option<Intent> {
    let calm = without_bangs(words);
    if patterns::fits("undo", &lowers(&calm)) {
        return Some(Intent::Undo);
    }
    tags_and_notes(&calm, &lowers(&calm), now)
        .or_else(|| read_add(words, now))
        .or_else(|| read_change(&calm, now))
}

/// "!!" makes a new todo urgent and means nothing elsewhere.
fn without_bangs(words: &[Word]) -> Vec<Word> {
    words.iter().filter(|word| word.kind != WordKind::Bangs).cloned().collect()
}
