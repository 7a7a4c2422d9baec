//! What tokens cost.

use orchestrator::domain::{Cost, Usage};
use orchestrator::model::{Price, Prices};
use proptest::prelude::{any, proptest};

#[test]
fn a_call_costs_its_tokens_at_the_price_of_each_kind() {
    let flash = Prices::default().of("gemini-2.5-flash").unwrap();
    let usage =
        Usage { input_tokens: 1_000, cached_tokens: 400, output_tokens: 20, thinking_tokens: 80 };

    let cost = flash.of(&usage);

    // 600 at 300, 400 at 30 and 100 at 2500 billionths of a dollar.
    assert_eq!(cost, Cost::from_nanos(180_000 + 12_000 + 250_000));
}

#[test]
fn a_model_is_known_with_and_without_its_prefix_and_any_other_is_not() {
    let prices = Prices::default();

    assert_eq!(prices.of("models/gemini-2.5-flash"), prices.of("gemini-2.5-flash"));
    assert!(prices.of("gemini-3.5-flash-lite").is_some());
    assert_eq!(prices.of("gemini-3.8-flash"), None);
    assert_eq!(prices.of("qwen3"), None);
}

#[test]
fn a_file_adds_models_and_changes_those_of_the_table() {
    let file = r#"{"models/gemini-2.5-flash": {"input": 1, "output": 2.5, "cached": 0.0375},
        "qwen3": {"input": 0, "output": 0.000001}}"#;

    let prices = Prices::read(file).unwrap();

    let nanos = |price: Price| [price.input, price.output, price.cached].map(Cost::nanos);
    let flash = nanos(prices.of("gemini-2.5-flash").unwrap());
    assert_eq!(flash, [1_000_000_000, 2_500_000_000, 37_500_000]);
    assert_eq!(nanos(prices.of("qwen3").unwrap()), [0, 1_000, 0]);
    assert_eq!(prices.of("gemini-3.6-flash"), Prices::default().of("gemini-3.6-flash"));
}

#[test]
fn all_faults_of_a_file_are_told_at_once_by_model() {
    let file = r#"{"a": {"input": -1, "outptu": 2}, "b": 3, "c": {"input": 1, "output": 1e9},
        "d": {"input": 1, "output": 1, "cached": "cheap"}, " ": {"input": 1, "output": 1}}"#;

    let told = Prices::read(file).unwrap_err().to_string();

    for fault in [
        "model a: it has members besides",
        "model a: \"input\" must be",
        "model a: \"output\" must be",
        "model b: its entry is not an object",
        "model c: \"output\" must be",
        "model d: \"cached\" must be",
        "model  : its name is empty",
    ] {
        assert!(told.contains(fault), "{fault} is missing: {told}");
    }
    assert!(!told.contains("cheap"), "{told}");
    for whole in ["", "[]", "{"] {
        assert!(Prices::read(whole).unwrap_err().to_string().contains("not a JSON object"));
    }
}

proptest! {
    #[test]
    fn whatever_is_counted_more_tokens_never_cost_less_and_nothing_overflows(
        counts in any::<[u64; 4]>(), more in any::<[u64; 4]>(), price in any::<[u64; 3]>(),
    ) {
        let [input, output, cached] = price.map(Cost::from_nanos);
        // What was seen before is never dearer than what was not.
        let price = Price { input: input.max(cached), output, cached: input.min(cached) };
        let fewer = usage(counts);
        let sum = |index: usize| counts[index].saturating_add(more[index]);
        let larger = usage([sum(0), counts[1], sum(2), sum(3)]);

        assert!(price.of(&larger) >= price.of(&fewer));
        assert!(price.of(&usage([counts[0], 0, counts[2], counts[3]])) >= price.of(&fewer));
        assert_eq!(Price::FREE.of(&fewer), Cost::default());
    }
}

fn usage([input_tokens, cached_tokens, output_tokens, thinking_tokens]: [u64; 4]) -> Usage {
    Usage { input_tokens, cached_tokens, output_tokens, thinking_tokens }
}
