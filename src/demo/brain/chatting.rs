//! Reads what needs no tool: greetings, thanks, questions about the model itself.

use super::intent::SmallTalk;
use super::words::{Word, WordKind, trim};

/// Phrases with contractions written out; "…" stands for any ending.
const PHRASES: &[(SmallTalk, &[&str])] = &[
    (
        SmallTalk::Greet,
        &["hi", "hello", "hey", "hiya", "howdy", "hi there", "hello there", "hey there"],
    ),
    (
        SmallTalk::Greet,
        &["good morning", "good evening", "good afternoon", "good day", "hello you"],
    ),
    (
        SmallTalk::Greet,
        &["how are you", "how are you today", "how are you doing", "how is it going"],
    ),
    (
        SmallTalk::Thanks,
        &["thanks", "thx", "cheers", "great", "perfect", "nice", "cool", "wonderful"],
    ),
    (SmallTalk::Thanks, &["awesome", "thank you", "thank you very much", "thank you so much"]),
    (SmallTalk::Thanks, &["thanks a …", "thanks so …", "thanks very …", "well done", "good job"]),
    (SmallTalk::Bye, &["bye", "goodbye", "good bye", "good night", "ciao", "see you"]),
    (SmallTalk::Help, &["help", "help me", "commands", "usage", "how does this work", "do"]),
    (
        SmallTalk::Help,
        &["what can you do …", "what do you do", "what can i do", "what can i do here"],
    ),
    (SmallTalk::Help, &["what can i say", "what can i ask", "how do you work", "what can you do"]),
    (SmallTalk::Who, &["who are you", "what are you", "are you a …", "are you an …"]),
    (SmallTalk::Who, &["which model …", "what model …", "what is your name"]),
    (SmallTalk::Time, &["what time is it", "what time is it now", "what is the time", "the time"]),
    (SmallTalk::Time, &["tell me the time"]),
    (SmallTalk::Date, &["what day is it", "what day is it today", "what day is today"]),
    (SmallTalk::Date, &["what date is it", "what date is it today", "what date is today"]),
    (SmallTalk::Date, &["what is the date", "what is the date today", "what is today"]),
    (SmallTalk::Date, &["what is the day today", "what is today's date", "tell me the date"]),
    (SmallTalk::Yes, &["yes", "yep", "yeah", "sure", "ok", "okay", "y", "confirm", "yes please"]),
    (SmallTalk::Yes, &["do it", "do that", "go ahead", "ok sure", "yes sure", "please do"]),
    (
        SmallTalk::No,
        &["no", "nope", "n", "cancel", "stop", "none", "nothing", "neither", "nevermind"],
    ),
    (SmallTalk::No, &["never mind", "no thanks", "no please", "none of them", "neither of them"]),
    (SmallTalk::Skip, &["skipped", "skip", "skip it", "skip this"]),
    (SmallTalk::No, &["none of those", "none of these", "forget it", "leave it", "leave them"]),
];

/// None unless the whole clause is small talk.
pub(super) fn read_chat(words: &[Word]) -> Option<SmallTalk> {
    let spoken = trim(words).iter().filter(|word| word.kind != WordKind::Break);
    let said = spoken.map(|word| word.lower.as_str()).collect::<Vec<_>>().join(" ");
    let fits = |phrase: &&str| match phrase.strip_suffix('…') {
        Some(opening) => said.starts_with(opening),
        None => said == *phrase,
    };
    PHRASES.iter().find(|(_, phrases)| phrases.iter().any(&fits)).map(|(chat, _)| *chat)
}
