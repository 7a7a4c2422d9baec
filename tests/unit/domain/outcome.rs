//! The closed set of ends.

use orchestrator::domain::Outcome;

#[test]
fn the_word_of_an_outcome_is_the_word_of_its_json() {
    for outcome in Outcome::ALL {
        let json = serde_json::to_string(&outcome).unwrap();
        assert_eq!(json, format!("\"{}\"", outcome.as_str()));
    }
}

#[test]
fn only_two_outcomes_are_successes_and_no_success_asks_for_a_retry() {
    let successes: Vec<_> = Outcome::ALL.into_iter().filter(|o| o.is_success()).collect();

    assert_eq!(successes, [Outcome::Completed, Outcome::AwaitingInput]);
    assert!(successes.iter().all(|outcome| !outcome.allows_retry()));
}
