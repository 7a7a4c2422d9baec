//! Text of people, tools and models: what is cleaned shows everything that it says.

use orchestrator::domain::{Cleaner, InvalidText, UserText, clean};

/// The longest text of the judge, in characters.
const LIMIT: usize = 50;

pub(crate) fn judge(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let cleaned = clean(&text);

    let mut rest = text.chars();
    assert!(cleaned.chars().all(|c| rest.any(|it| it == c)), "{text:?}: nothing is added or moved");
    assert_eq!(clean(&cleaned), cleaned, "{text:?}");
    assert!(cleaned.chars().all(|c| !c.is_control() || "\t\n\r".contains(c)), "{text:?}");
    assert_eq!(is_blank(&cleaned), is_blank(&text), "{text:?}");
    for at in (0..=text.len()).filter(|at| text.is_char_boundary(*at)).take(LIMIT) {
        let (mut parts, (first, second)) = (Cleaner::default(), text.split_at(at));
        assert_eq!(parts.clean(first) + &parts.clean(second), cleaned, "{text:?} cut at {at}");
    }
    match UserText::parse(&text, LIMIT) {
        Ok(accepted) => assert!(accepted.as_str().chars().count() <= LIMIT, "{text:?}"),
        Err(_) => assert!(is_blank(&text) || cleaned.chars().count() > LIMIT, "{text:?}"),
    }
}

fn is_blank(text: &str) -> bool {
    UserText::parse(text, usize::MAX) == Err(InvalidText::Blank)
}
