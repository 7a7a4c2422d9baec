//! Money and what is told of it.

use orchestrator::domain::{Cost, Spend, Usage};
use proptest::prelude::{any, proptest};
use serde_json::json;

#[test]
fn plain_decimals_are_read_exactly_and_nothing_else_is() {
    for (text, nanos) in [
        ("0", 0),
        ("0.05", 50_000_000),
        ("12", 12_000_000_000),
        ("1.000000001", 1_000_000_001),
        ("18446744073.709551615", u64::MAX),
    ] {
        assert_eq!(text.parse(), Ok(Cost::from_nanos(nanos)), "{text}");
    }
    for text in [
        "",
        ".",
        "1.",
        ".5",
        "-1",
        "+1",
        "1e3",
        "1,5",
        "$1",
        "0.0000000001",
        "18446744073.709551616",
    ] {
        assert!(text.parse::<Cost>().is_err(), "{text}");
    }
}

#[test]
fn people_read_two_to_four_decimals_and_never_less_than_was_spent() {
    for (nanos, words) in [
        (0, "$0.00"),
        (1, "$0.0001"),
        (100_001, "$0.0002"),
        (12_300_000, "$0.0123"),
        (500_000_000, "$0.50"),
        (u64::MAX, "$18446744073.7096"),
    ] {
        assert_eq!(Cost::from_nanos(nanos).to_string(), words);
    }
}

#[test]
fn machines_read_the_number_closest_to_it() {
    for (nanos, number) in [(0, "0.0"), (1, "1e-9"), (303_600, "0.0003036"), (3_300_000_000, "3.3")]
    {
        assert_eq!(json!(Cost::from_nanos(nanos).usd()).to_string(), number);
    }
}

#[test]
fn a_cost_that_is_not_known_whole_is_told_as_far_as_it_is() {
    let usage = Usage { input_tokens: 10, output_tokens: 2, ..Usage::default() };
    let priced = Spend::of_call(usage, Some(Cost::from_nanos(12_300_000)));
    let unpriced = Spend::of_call(usage, None);

    assert_eq!(priced.to_string(), "12 tokens ($0.0123)");
    assert_eq!(unpriced.to_string(), "12 tokens");
    assert_eq!((priced + unpriced).to_string(), "24 tokens (at least $0.0123)");
    assert_eq!((priced + unpriced).whole_cost(), None);
    assert_eq!((priced + priced).whole_cost(), Some(Cost::from_nanos(24_600_000)));
}

#[test]
fn a_usage_written_down_before_costs_were_is_one_of_unknown_cost() {
    let old = json!({ "input_tokens": 3, "output_tokens": 2, "thinking_tokens": 1 });

    let spend: Spend = serde_json::from_value(old).unwrap();

    assert_eq!((spend.usage.total(), spend.whole_cost()), (6, None));
}

proptest! {
    #[test]
    fn any_amount_is_read_back_exactly(nanos in any::<u64>()) {
        let written = format!("{}.{:09}", nanos / 1_000_000_000, nanos % 1_000_000_000);

        assert_eq!(written.parse(), Ok(Cost::from_nanos(nanos)));
    }
}
