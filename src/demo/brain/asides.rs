//! Reads remarks about the todo before them: "it's urgent", "that is due friday".

use super::words::{Word, WordKind, lowers};

/// What a phrase says about the todo before it. A comma, "and" or a dash must separate the two:
/// "tell Tom it's urgent" is one todo.
pub(super) fn aside(words: &[Word]) -> Option<Vec<&str>> {
    let lowered = lowers(words);
    let links = lowered.iter().take_while(|word| LINKS.contains(word)).count();
    let is_parted = links > 0 || words.first().is_some_and(|word| word.text.starts_with('('));
    predicate(lowered.get(links..)?).filter(|_| is_parted).map(<[&str]>::to_vec)
}

/// Whether a word belongs to a remark about "it".
pub(super) fn is_predicate(words: &[Word], at: usize) -> bool {
    let word = |back| at.checked_sub(back).and_then(|at| words.get(at)).map(|it| &*it.lower);
    let verb = |word| matches!(word, Some("is" | "are"));
    verb(word(1)) || (verb(word(0)) && word(1).is_some_and(|word| SUBJECTS.contains(&word)))
}

/// Whether a phrase is a remark about what comes before it.
pub(super) fn opens_aside(words: &[Word]) -> bool {
    words.first().is_some_and(|word| word.kind == WordKind::Plain)
        && predicate(&lowers(words)).is_some()
}

const LINKS: &[&str] = &[",", "", "and", "but", "because", "since", "as"];

const SUBJECTS: &[&str] = &["it", "that", "this", "which", "they", "these", "those", "both"];

fn predicate<'a, 'w>(lowered: &'a [&'w str]) -> Option<&'a [&'w str]> {
    let (subject, rest) = lowered.split_first()?;
    let said = match rest {
        _ if *subject == "its" => rest,
        _ if !SUBJECTS.contains(subject) => return None,
        ["has" | "have" | "needs" | "need", "to", "be", "done" | "ready", said @ ..]
        | ["must" | "should" | "can", "be", "done" | "ready", said @ ..]
        | ["is" | "are", "needed" | "planned" | "scheduled" | "expected", said @ ..]
        | ["is" | "are", said @ ..] => said,
        _ => return None,
    };
    let adverbs = said.iter().take_while(|word| ADVERBS.contains(word)).count();
    said.get(adverbs..).filter(|said| !said.is_empty())
}

const ADVERBS: &[&str] =
    &["all", "also", "extremely", "kind", "now", "of", "pretty", "quite", "rather", "so", "super"];
