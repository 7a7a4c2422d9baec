//! Reads remarks about the todo before them: "it's urgent", "that is due friday".

use super::patterns;
use super::words::{Word, WordKind, lowers};

/// What a phrase says about the todo before it. A comma, "and" or a dash must separate the two:
/// "tell Tom it's urgent" is one todo.
pub(in crate::brain) fn aside(words: &[Word]) -> Option<Vec<&str>> {
    let lowered = lowers(words);
    let links = lowered.iter().take_while(|word| is_link(word)).count();
    let is_parted = links > 0 || words.first().is_some_and(|word| word.text.starts_with('('));
    predicate(lowered.get(links..)?).filter(|_| is_parted).map(<[&str]>::to_vec)
}

/// Whether a word belongs to a remark about "it".
pub(in crate::brain) fn is_predicate(words: &[Word], at: usize) -> bool {
    let word = |back| at.checked_sub(back).and_then(|at| words.get(at)).map(|it| &*it.lower);
    let verb = |word| matches!(word, Some("is" | "are"));
    verb(word(1))
        || (verb(word(0))
            && word(1).is_some_and(|word| patterns::has("subjects of a remark", word)))
}

/// Whether a phrase is a remark about what comes before it.
pub(in crate::brain) fn opens_aside(words: &[Word]) -> bool {
    words.first().is_some_and(|word| word.kind == WordKind::Plain)
        && predicate(&lowers(words)).is_some()
}

/// A dash has no letters.
fn is_link(word: &str) -> bool {
    word.is_empty() || patterns::has("links to a remark", word)
}

fn predicate<'a, 'w>(lowered: &'a [&'w str]) -> Option<&'a [&'w str]> {
    let (subject, rest) = lowered.split_first()?;
    let said = match *subject {
        "its" => rest,
        _ if !patterns::has("subjects of a remark", subject) => return None,
        _ => rest.get(patterns::find("predicates", rest)?)?,
    };
    said.get(patterns::run("adverbs", said)..).filter(|said| !said.is_empty())
}
