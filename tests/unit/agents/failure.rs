//! What a call's fault says of its effect.

use orchestrator::agents::{Certainty, ToolError};
use orchestrator::domain::{Continuation, Inquiry};
use serde_json::Map;

#[test]
fn the_words_say_that_an_effect_is_unknown_exactly_when_it_is() {
    let all = [
        ToolError::Refused("no".to_owned()),
        asks(Continuation::Retry { round: 1, state: None, answered: Map::new() }),
        ToolError::Unanswered,
        ToolError::UnansweredMidway,
        ToolError::AnswerLost,
        ToolError::AsksBeside,
        ToolError::BehindAsking,
        ToolError::Unknown,
        ToolError::Arguments,
        ToolError::Unavailable,
        ToolError::Repeated,
        ToolError::Begun,
        ToolError::Questions,
        ToolError::NotMade,
        ToolError::TimedOut,
        ToolError::Broken("why".to_owned()),
        ToolError::Lost,
    ];

    for error in all {
        let is_unknown = error.certainty() == Certainty::Unknown;
        assert_eq!(ToolError::is_unknown_in(&error.to_string()), is_unknown, "{error:?}");
    }
}

#[test]
fn a_call_that_waits_in_a_process_may_have_had_its_effect() {
    let parked = asks(Continuation::Parked { ticket: "t".to_owned() });
    assert_eq!(parked.certainty(), Certainty::Unknown);
}

#[test]
fn a_call_that_the_person_left_unanswered_ended_its_turn() {
    for error in [ToolError::Unanswered, ToolError::UnansweredMidway, ToolError::Unapproved] {
        assert!(ToolError::is_given_up_in(&error.to_string()), "{error:?}");
    }
    assert!(!ToolError::is_given_up_in(&ToolError::Lost.to_string()));
    assert!(
        !ToolError::is_declined_in(&ToolError::Unanswered.to_string()),
        "no approval was asked"
    );
}

fn asks(continuation: Continuation) -> ToolError {
    ToolError::Asks(Box::new(Inquiry { forms: Vec::new(), continuation }))
}
