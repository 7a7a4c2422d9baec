//! Reads words that need no tool: greetings, thanks, questions about the model itself.

use super::intent::Chat;
use super::words::{Word, WordKind, trim};

/// What people say, contractions spelled out; "…" stands for any ending.
const PHRASES: &[(Chat, &[&str])] = &[
    (Chat::Greet, &["hi", "hello", "hey", "hiya", "howdy", "hi there", "hello there", "hey there"]),
    (Chat::Greet, &["good morning", "good evening", "good afternoon", "good day", "hello you"]),
    (Chat::Greet, &["how are you", "how are you today", "how are you doing", "how is it going"]),
    (Chat::Thanks, &["thanks", "thx", "cheers", "great", "perfect", "nice", "cool", "wonderful"]),
    (Chat::Thanks, &["awesome", "thank you", "thank you very much", "thank you so much"]),
    (Chat::Thanks, &["thanks a …", "thanks so …", "thanks very …", "well done", "good job"]),
    (Chat::Bye, &["bye", "goodbye", "good bye", "good night", "ciao", "see you"]),
    (Chat::Help, &["help", "help me", "commands", "usage", "how does this work", "do"]),
    (Chat::Help, &["what can you do …", "what do you do", "what can i do", "what can i do here"]),
    (Chat::Help, &["what can i say", "what can i ask", "how do you work", "what can you do"]),
    (Chat::Who, &["who are you", "what are you", "are you a …", "are you an …"]),
    (Chat::Who, &["which model …", "what model …", "what is your name"]),
    (Chat::Time, &["what time is it", "what time is it now", "what is the time", "the time"]),
    (Chat::Time, &["tell me the time"]),
    (Chat::Date, &["what day is it", "what day is it today", "what day is today"]),
    (Chat::Date, &["what date is it", "what date is it today", "what date is today"]),
    (Chat::Date, &["what is the date", "what is the date today", "what is today"]),
    (Chat::Date, &["what is the day today", "what is today's date", "tell me the date"]),
    (Chat::Yes, &["yes", "yep", "yeah", "sure", "ok", "okay", "y", "confirm", "yes please"]),
    (Chat::Yes, &["do it", "do that", "go ahead", "ok sure", "yes sure", "please do"]),
    (Chat::No, &["no", "nope", "n", "cancel", "stop", "none", "nothing", "neither", "nevermind"]),
    (Chat::No, &["never mind", "no thanks", "no please", "none of them", "neither of them"]),
    (Chat::Skip, &["skipped", "skip", "skip it", "skip this"]),
    (Chat::No, &["none of those", "none of these", "forget it", "leave it", "leave them"]),
];

/// The small talk that a whole clause is; none if it is more than that.
pub(super) fn read_chat(words: &[Word]) -> Option<Chat> {
    let spoken = trim(words).iter().filter(|word| word.kind != WordKind::Break);
    let said = spoken.map(|word| word.lower.as_str()).collect::<Vec<_>>().join(" ");
    let fits = |phrase: &&str| match phrase.strip_suffix('…') {
        Some(opening) => said.starts_with(opening),
        None => said == *phrase,
    };
    PHRASES.iter().find(|(_, phrases)| phrases.iter().any(&fits)).map(|(chat, _)| *chat)
}
