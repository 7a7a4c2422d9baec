//! What was used, compared with what may be used.

use std::time::Duration;

use orchestrator::chat::{Allowance, Policy, Used};
use orchestrator::domain::{CallerLimits, Cost};

const MINUTE: Duration = Duration::from_secs(40);
const DAY: Duration = Duration::from_mins(150);

/// What an owner has used, on one day and in one minute.
fn used(turns: u64, at_once: u64, tokens: u64, nanos: u64) -> Used {
    Used {
        turns_of_minute: turns,
        minute_frees_in: MINUTE,
        turns_at_once: at_once,
        tokens_today: tokens,
        cost_today: Cost::from_nanos(nanos),
        day_ends_in: DAY,
    }
}

const ALL: CallerLimits = CallerLimits {
    turns_per_minute: Some(10),
    turns_at_once: Some(2),
    tokens_per_day: Some(1_000),
    cost_per_day: Some(Cost::from_nanos(500_000_000)),
};

#[test]
fn a_turn_begins_while_each_limit_has_room_and_else_waits_for_the_slowest() {
    let soon = Duration::from_secs(5);
    let table: [(Used, &[Policy], Duration); 8] = [
        (used(0, 0, 0, 0), &[], soon),
        (used(9, 1, 999, 499_999_999), &[], soon),
        (used(10, 0, 0, 0), &[Policy::TurnsPerMinute], MINUTE),
        (used(11, 0, 0, 0), &[Policy::TurnsPerMinute], MINUTE),
        (used(0, 2, 0, 0), &[Policy::TurnsAtOnce], soon),
        (used(0, 0, 1_000, 0), &[Policy::TokensPerDay], DAY),
        (used(0, 0, 0, 500_000_000), &[Policy::CostPerDay], DAY),
        (
            used(10, 3, 7_000, 0),
            &[Policy::TurnsPerMinute, Policy::TurnsAtOnce, Policy::TokensPerDay],
            DAY,
        ),
    ];

    for (used, reached, retry_in) in table {
        let allowance = Allowance::new(&ALL, &used);
        let found: Vec<_> = allowance.used_up().map(|share| share.policy).collect();
        assert_eq!(found, reached, "{used:?}");
        assert_eq!(allowance.has_room(), reached.is_empty());
        assert_eq!(allowance.retry_in(), retry_in, "{used:?}");
    }
}

#[test]
fn without_a_limit_there_is_always_room_and_nothing_to_tell() {
    let allowance = Allowance::new(&CallerLimits::default(), &used(9_999, 9_999, 9_999, 9_999));

    assert!(allowance.has_room() && allowance.shares().is_empty());
}

#[test]
fn what_was_used_beyond_a_limit_leaves_nothing() {
    let allowance = Allowance::new(&ALL, &used(12, 0, 0, 0));

    assert_eq!(allowance.shares()[0].left(), 0);
    assert_eq!(allowance.shares()[1].left(), 2);
}

#[test]
fn a_refusal_says_which_limits_are_reached_and_when_to_try_again() {
    for (used, told) in [
        (used(10, 0, 0, 0), "You may send 10 messages a minute. Try again in 40 s."),
        (used(0, 2, 0, 0), "You may have 2 answers written at the same time. Try again in 5 s."),
        (
            used(0, 0, 1_000, 0),
            "You have used what you may use today: 1000 tokens. Try again in 3 hours.",
        ),
        (
            used(0, 0, 0, 600_000_000),
            "You have used what you may use today: $0.50. Try again in 3 hours.",
        ),
    ] {
        assert_eq!(Allowance::new(&ALL, &used).told(), told);
    }
}

#[test]
fn the_limits_of_a_key_go_before_those_for_everybody_one_by_one() {
    let own = CallerLimits { turns_at_once: Some(9), ..CallerLimits::default() };

    let limits = own.or(&ALL);

    assert_eq!(limits, CallerLimits { turns_at_once: Some(9), ..ALL });
    assert!(!CallerLimits::default().count_turns() && own.count_turns());
}
