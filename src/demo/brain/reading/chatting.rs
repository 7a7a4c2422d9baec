//! Reads what needs no tool: greetings, thanks, questions about the model itself.

use super::intent::SmallTalk;
use super::patterns;
use super::words::{Word, WordKind, trim};

const SECTIONS: [(&str, SmallTalk); 10] = [
    ("greet", SmallTalk::Greet),
    ("thanks", SmallTalk::Thanks),
    ("bye", SmallTalk::Bye),
    ("help", SmallTalk::Help),
    ("who", SmallTalk::Who),
    ("time", SmallTalk::Time),
    ("date", SmallTalk::Date),
    ("yes", SmallTalk::Yes),
    ("no", SmallTalk::No),
    ("skip", SmallTalk::Skip),
];

/// None unless the whole clause is small talk.
pub(in crate::brain) fn read_chat(words: &[Word]) -> Option<SmallTalk> {
    let spoken = trim(words).iter().filter(|word| word.kind != WordKind::Break);
    let said: Vec<&str> = spoken.map(|word| word.lower.as_str()).collect();
    let mut sections = SECTIONS.iter();
    sections.find(|(section, _)| patterns::fits(section, &said)).map(|(_, chat)| *chat)
}
