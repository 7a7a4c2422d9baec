//! Pauses that a provider asks for.

use std::time::Duration;

use orchestrator::resilience::Cooling;
use tokio::time::advance;

#[tokio::test(start_paused = true)]
async fn a_named_pause_lasts_exactly_as_long_as_it_says() {
    let cooling = Cooling::default();

    assert_eq!(cooling.hold(Some(Duration::from_millis(2_500))), Duration::from_millis(2_500));

    advance(Duration::from_millis(2_499)).await;
    assert_eq!(cooling.remaining(), Some(Duration::from_millis(1)));
    advance(Duration::from_millis(1)).await;
    assert_eq!(cooling.remaining(), None);
}

#[tokio::test(start_paused = true)]
async fn without_a_name_pauses_double_from_one_second_to_sixty_until_a_call_goes_through() {
    let cooling = Cooling::default();
    let mut pauses = Vec::new();

    for _ in 0..8 {
        pauses.push(cooling.hold(None).as_secs());
        advance(Duration::from_mins(1)).await;
    }

    assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 60, 60]);
    cooling.clear();
    assert_eq!(cooling.hold(None), Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn many_calls_that_are_refused_together_make_one_pause() {
    let cooling = Cooling::default();

    for _ in 0..100 {
        assert_eq!(cooling.hold(None), Duration::from_secs(1));
    }

    assert_eq!(cooling.remaining(), Some(Duration::from_secs(1)));
}

#[tokio::test(start_paused = true)]
async fn after_a_pause_one_call_goes_first_and_then_twice_as_many_each_time() {
    let cooling = Cooling::default();
    let admitted = || (0..1_000).filter(|_| cooling.admit().is_ok()).count();
    assert_eq!(admitted(), 1_000);
    cooling.hold(Some(Duration::from_secs(9)));
    assert_eq!((admitted(), cooling.admit()), (0, Err(Duration::from_secs(9))));

    advance(Duration::from_secs(9)).await;
    let mut steps = Vec::new();
    for _ in 0..4 {
        steps.push(admitted());
        let wait = cooling.admit().unwrap_err();
        assert_eq!(cooling.remaining(), None, "the pause itself is over");
        advance(wait).await;
    }

    assert_eq!(steps, [1, 1, 2, 4]);
    cooling.clear();
    assert_eq!(admitted(), 1_000, "one of them got through");
}

#[tokio::test(start_paused = true)]
async fn nobody_is_held_back_long_after_a_pause() {
    let cooling = Cooling::default();
    cooling.hold(Some(Duration::from_secs(9)));

    advance(Duration::from_secs(15)).await;

    assert!((0..1_000).all(|_| cooling.admit().is_ok()));
}

#[tokio::test(start_paused = true)]
async fn the_longer_of_two_pauses_holds() {
    let cooling = Cooling::default();

    cooling.hold(Some(Duration::from_secs(9)));
    cooling.hold(Some(Duration::from_secs(2)));

    assert_eq!(cooling.remaining(), Some(Duration::from_secs(9)));
}
