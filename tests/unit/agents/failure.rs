//! What a call's fault says of its effect.

use orchestrator::agents::{Certainty, ToolError};

#[test]
fn the_words_say_that_an_effect_is_unknown_exactly_when_it_is() {
    let all = [
        ToolError::Refused("no".to_owned()),
        ToolError::Asks,
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
