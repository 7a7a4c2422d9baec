//! Splits "milk, eggs and bread" into separate todos.

use jiff::Zoned;

use super::asides::opens_aside;
use super::details::take_details;
use super::words::{Word, WordKind, lowers, trim};

/// Pairs that are one thing.
const PAIRS: &[(&str, &str)] = &[
    ("mac", "cheese"),
    ("macaroni", "cheese"),
    ("salt", "pepper"),
    ("fish", "chips"),
    ("bread", "butter"),
    ("peanut", "jelly"),
    ("jelly", "peanut"),
    ("oil", "vinegar"),
    ("gin", "tonic"),
    ("rock", "roll"),
    ("pros", "cons"),
    ("terms", "conditions"),
    ("research", "development"),
    ("questions", "answers"),
    ("black", "white"),
    ("arts", "crafts"),
    ("washer", "dryer"),
    ("knife", "fork"),
    ("pen", "paper"),
    ("back", "forth"),
    ("again", "again"),
    ("bed", "breakfast"),
    ("cup", "saucer"),
    ("ham", "eggs"),
    ("bacon", "eggs"),
];

/// Verbs that begin a task: "buy milk and call mum" is two todos.
const VERBS: &[&str] = &[
    "answer",
    "arrange",
    "ask",
    "assemble",
    "attend",
    "bake",
    "book",
    "bring",
    "build",
    "buy",
    "call",
    "cancel",
    "change",
    "check",
    "clean",
    "clear",
    "collect",
    "contact",
    "cook",
    "copy",
    "do",
    "download",
    "draft",
    "drop",
    "email",
    "empty",
    "feed",
    "file",
    "fill",
    "find",
    "finish",
    "fix",
    "get",
    "give",
    "go",
    "hang",
    "help",
    "install",
    "invite",
    "iron",
    "learn",
    "mail",
    "make",
    "measure",
    "meet",
    "message",
    "mow",
    "order",
    "organise",
    "organize",
    "pack",
    "paint",
    "pay",
    "phone",
    "pick",
    "plan",
    "plant",
    "practise",
    "practice",
    "prepare",
    "print",
    "read",
    "renew",
    "rent",
    "repair",
    "replace",
    "reply",
    "request",
    "research",
    "reserve",
    "return",
    "review",
    "ring",
    "run",
    "schedule",
    "see",
    "sell",
    "send",
    "sew",
    "ship",
    "shop",
    "sign",
    "sort",
    "start",
    "study",
    "submit",
    "sweep",
    "take",
    "talk",
    "tell",
    "test",
    "text",
    "throw",
    "tidy",
    "translate",
    "try",
    "update",
    "vacuum",
    "visit",
    "walk",
    "wash",
    "watch",
    "water",
    "wipe",
    "wrap",
    "write",
];

/// After these, "and" may belong to one thing: "present for mum and dad".
const LINKS: &[&str] = &["for", "with", "from", "between", "about", "of", "at"];

/// The pieces that look like separate items, without empty ones.
pub(super) fn split(words: &[Word], now: &Zoned) -> Vec<Vec<Word>> {
    let mut pieces: Vec<Vec<Word>> = Vec::new();
    for Chunk { link, piece } in chunks(words) {
        match pieces.last_mut() {
            Some(last) if belongs(last, &link, &piece, now) => {
                last.extend(link);
                last.extend(piece);
            }
            _ => pieces.push(piece),
        }
    }
    pieces
        .into_iter()
        .map(|piece| trim(&piece).to_vec())
        .filter(|piece| !piece.is_empty())
        .collect()
}

pub(super) fn opens_task(words: &[Word]) -> bool {
    words.first().is_some_and(|word| word.kind == WordKind::Plain && VERBS.contains(&&*word.lower))
}

#[derive(Default)]
struct Chunk {
    link: Vec<Word>,
    piece: Vec<Word>,
}

fn chunks(words: &[Word]) -> Vec<Chunk> {
    let mut done = Vec::new();
    let mut chunk = Chunk::default();
    for word in words {
        let then = word.lower == "then" && chunk.piece.is_empty() && !chunk.link.is_empty();
        let links = word.kind == WordKind::Break || matches!(&*word.lower, "and" | "&" | "plus");
        if !links && !then {
            chunk.piece.push(word.clone());
            continue;
        }
        if !chunk.piece.is_empty() {
            done.push(std::mem::take(&mut chunk));
        }
        chunk.link.push(word.clone());
    }
    done.push(chunk);
    done.retain(|chunk| !chunk.piece.is_empty());
    done
}

/// Whether a piece continues the last one.
fn belongs(last: &[Word], link: &[Word], piece: &[Word], now: &Zoned) -> bool {
    let quoted = |words: &[Word]| words.iter().any(|word| word.kind == WordKind::Quoted);
    if quoted(last) || quoted(piece) {
        return false;
    }
    if opens_aside(piece) {
        return true;
    }
    let by_and = link.iter().all(|word| word.kind == WordKind::Plain);
    if by_and && is_pair(last, piece) {
        return true;
    }
    let (title, details) = take_details(last, now);
    if opens_task(piece) || !details.is_empty() {
        return false;
    }
    opens_task(&title) || (by_and && lowers(&title).iter().any(|word| LINKS.contains(word)))
}

fn is_pair(last: &[Word], piece: &[Word]) -> bool {
    let ends = last.last().zip(piece.first());
    ends.is_some_and(|(left, right)| PAIRS.contains(&(&*left.lower, &*right.lower)))
}
