//! How many repeats are allowed, together and over time.

use std::time::Duration;

use orchestrator::resilience::{RetryBudget, RetryLeave};
use proptest::prelude::*;
use tokio::time::advance;

#[tokio::test(start_paused = true)]
async fn few_calls_may_be_repeated_three_times_a_second() {
    let budget = RetryBudget::default();

    assert_eq!(granted(&budget, 100), 30);
}

#[tokio::test(start_paused = true)]
async fn of_many_calls_a_fifth_may_be_repeated_besides() {
    let budget = RetryBudget::default();
    for _ in 0..1_000 {
        budget.call();
    }

    assert_eq!(granted(&budget, 1_000), 230);
}

#[tokio::test(start_paused = true)]
async fn what_lies_ten_seconds_back_is_forgotten() {
    let budget = RetryBudget::default();
    assert_eq!(granted(&budget, 100), 30);

    advance(Duration::from_secs(9)).await;
    assert_eq!(granted(&budget, 1), 0);
    advance(Duration::from_secs(1)).await;
    assert_eq!(granted(&budget, 100), 30);
}

#[tokio::test(start_paused = true)]
async fn a_refusal_is_news_once_in_ten_seconds() {
    let (budget, mut news) = (RetryBudget::default(), Vec::new());

    for second in 0..30 {
        let leaves = (0..60).map(|_| budget.repeat());
        if leaves.filter(|leave| *leave == RetryLeave::Refused { is_news: true }).count() > 0 {
            news.push(second);
        }
        advance(Duration::from_secs(1)).await;
    }

    assert_eq!(news, [0, 10, 20]);
}

#[test]
fn no_window_ever_holds_more_repeats_than_its_calls_allow() {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    let runtime = runtime.unwrap();

    proptest!(|(seconds in prop::collection::vec((0..200_u64, 0..200_usize), 1..40))| {
        let granted: Vec<_> = runtime.block_on(async {
            let budget = RetryBudget::default();
            let mut each = Vec::new();
            for (calls, wishes) in &seconds {
                (0..*calls).for_each(|_| budget.call());
                each.push(granted(&budget, *wishes));
                advance(Duration::from_secs(1)).await;
            }
            each
        });
        for end in (0..seconds.len()).filter(|end| granted[*end] > 0) {
            let window = end.saturating_sub(9)..=end;
            let calls: u64 = seconds[window.clone()].iter().map(|(calls, _)| calls).sum();
            let repeats: usize = granted[window].iter().sum();
            prop_assert!(repeats <= usize::try_from(calls).unwrap() / 5 + 30);
        }
    });
}

fn granted(budget: &RetryBudget, wishes: usize) -> usize {
    (0..wishes).filter(|_| budget.repeat() == RetryLeave::Granted).count()
}
