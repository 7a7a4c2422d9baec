//! What must hold of the same bytes read at once and in pieces, for the suite and for the fuzzer.

use orchestrator::agents::{Delta, ModelError};
use orchestrator::model::Played;

/// Holds two readings of so many bytes to the same end, and that end to what was said.
pub(crate) fn hold_alike(at_once: &Played, in_pieces: &Played, bytes: usize, what: &str) {
    let (text, thoughts) = words(at_once);
    assert_eq!(words(in_pieces), (text.clone(), thoughts.clone()), "{what}");
    assert_eq!(outcome(in_pieces), outcome(at_once), "{what}");
    // A byte that is no text is shown as a character of three.
    assert!(text.len() + thoughts.len() <= 3 * bytes, "{what}");
    if let Ok(reply) = &at_once.result {
        assert_eq!(reply.message.text, text, "{what}");
        assert!(!text.trim().is_empty() || !reply.message.calls.is_empty(), "{what}");
    }
}

/// What was said to the person, and what was thought.
fn words(played: &Played) -> (String, String) {
    let (mut text, mut thoughts) = (String::new(), String::new());
    for delta in &played.said {
        match delta {
            Delta::Text(words) => text.push_str(words),
            Delta::Thought(words) => thoughts.push_str(words),
        }
    }
    (text, thoughts)
}

/// All but the ids that we give to calls without one.
fn outcome(played: &Played) -> Result<String, ModelError> {
    let reply = played.result.clone()?;
    let calls: Vec<_> =
        reply.message.calls.iter().map(|call| (&call.name, &call.arguments, &call.extra)).collect();
    Ok(format!("{calls:?} {:?} {:?}", played.usage, reply.message.extra))
}
