//! Splits "milk, eggs and bread" into separate todos.

use jiff::Zoned;

use super::asides::opens_aside;
use super::details::take_details;
use super::patterns;
use super::words::{Word, WordKind, lowers, trim};

/// The pieces that look like separate items, without empty ones.
pub(in crate::brain) fn split(words: &[Word], now: &Zoned) -> Vec<Vec<Word>> {
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

pub(in crate::brain) fn opens_task(words: &[Word]) -> bool {
    words
        .first()
        .is_some_and(|word| word.kind == WordKind::Plain && patterns::has("verbs", &word.lower))
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
    opens_task(&title)
        || (by_and && lowers(&title).iter().any(|word| patterns::has("links within a title", word)))
}

fn is_pair(last: &[Word], piece: &[Word]) -> bool {
    let ends = last.last().zip(piece.first());
    ends.is_some_and(|(left, right)| patterns::fits("pairs", &[&left.lower, &right.lower]))
}
