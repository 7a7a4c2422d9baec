//! What requests cost, by model.

use orchestrator::domain::{Cost, Estimate, ModelSpend, Spend, SpendByModel, Usage};

fn spend(tokens: u64, cost: Option<Cost>) -> Spend {
    Spend::of_call(Usage { input_tokens: tokens, ..Usage::default() }, cost)
}

#[test]
fn each_model_has_its_own_sum_and_the_last_one_asked_is_at_the_end() {
    let mut spends = SpendByModel::default();
    for (model, tokens) in [("one", 1), ("other", 10), ("one", 100)] {
        spends.add(ModelSpend::request(model, spend(tokens, Some(Cost::from_nanos(tokens)))));
    }

    let told: Vec<_> = spends
        .models()
        .iter()
        .map(|one| (&*one.model, one.requests, one.spend.usage.total(), one.spend.cost.nanos()))
        .collect();
    assert_eq!(told, [("other", 1, 10, 10), ("one", 2, 101, 101)]);
    assert_eq!(spends.total().usage.total(), 111);
}

#[test]
fn estimates_add_up_and_change_nothing_that_is_known() {
    let mut spends = SpendByModel::default();
    let known = spend(1, Some(Cost::from_nanos(1)));
    for tokens in [10, u64::MAX] {
        let estimate = Estimate { tokens, cost: Cost::from_nanos(7) };
        spends.add(ModelSpend::request("one", known).with_estimate(estimate));
    }

    let [one] = spends.models() else { panic!("one model") };
    assert_eq!(one.estimate, Estimate { tokens: u64::MAX, cost: Cost::from_nanos(14) });
    assert_eq!(spends.total(), known + known);
}

#[test]
fn a_request_without_a_price_leaves_the_whole_without_one() {
    let mut spends = SpendByModel::default();
    spends.add(ModelSpend::request("one", spend(1, Some(Cost::from_nanos(1)))));
    assert_eq!(spends.total().whole_cost(), Some(Cost::from_nanos(1)));

    spends.add_all(SpendByModel::unknown());

    assert_eq!(spends.total().whole_cost(), None);
    assert_eq!(spends.total().unpriced_calls, 1);
}
