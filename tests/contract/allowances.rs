//! One contract for every store: what an owner has used, and how many of its turns count (ADR 30).

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures::future::join_all;
use orchestrator::chat::{
    Charge, Claim, Closing, Count, Lease, ModelUsage, NewTurn, Resource, Store, Used,
};
use orchestrator::domain::{
    CallerLimits, Cost, Estimate, ModelSpend, Owner, Spend, SpendByModel, Thread, ThreadId, Usage,
};
use tokio::runtime::Handle;
use tokio::task::spawn_blocking;

use super::stores::{beginning, said, thread};

contract!(
    of_turns_that_come_together_as_many_are_counted_as_the_limit_allows,
    of_turns_that_come_and_go_on_many_threads_never_more_run_than_the_limit_allows,
    a_turn_that_ended_counts_in_its_minute_and_runs_no_more,
    a_turn_that_is_taken_back_was_none,
    a_turn_that_is_counted_twice_counts_once,
    a_turn_counts_for_its_owner_alone,
    a_day_that_is_used_up_has_no_room_for_a_turn,
    what_a_turn_used_is_written_with_its_end_and_once,
    what_could_not_be_written_with_the_end_is_added_once,
    the_use_of_a_thread_that_was_deleted_is_added_all_the_same,
    a_turn_that_was_never_charged_is_of_unknown_cost_once_the_next_one_begins,
    a_title_is_added_whatever_came_since,
    any_number_that_a_provider_reports_is_added,
    what_is_estimated_counts_for_limits_and_is_told_apart,
);

const ONCE: CallerLimits = CallerLimits { turns_at_once: Some(1), ..NONE };
const NONE: CallerLimits = CallerLimits {
    turns_per_minute: None,
    turns_at_once: None,
    tokens_per_day: None,
    cost_per_day: None,
};

fn owner(name: &str) -> Owner {
    Owner::user("", name).unwrap()
}

fn owned(name: &str) -> Thread {
    Thread { owner: owner(name), ..thread() }
}

fn turn(name: &str, owner: &Owner, limits: CallerLimits) -> NewTurn {
    let (turn, owner, longest) = (name.to_owned(), owner.clone(), Duration::from_mins(8));
    NewTurn { turn, owner, thread: ThreadId::new_thread(), longest, limits }
}

async fn count(store: &dyn Store, name: &str, limits: CallerLimits) -> Count {
    store.count(&turn(name, &owner("ada"), limits)).await.unwrap()
}

async fn used(store: &dyn Store) -> Used {
    store.used(&owner("ada"), &NONE).await.unwrap()
}

fn spend(tokens: u64) -> Spend {
    let usage = Usage { input_tokens: tokens, output_tokens: 1, ..Usage::default() };
    Spend::of_call(usage, Some(Cost::from_nanos(tokens)))
}

fn charge(turn: &str, models: &[(&str, u64)]) -> Charge {
    let mut spends = SpendByModel::default();
    for (model, tokens) in models {
        spends.add(ModelSpend::request(model, spend(*tokens)));
    }
    Charge { turn: turn.to_owned(), turns: 1, spends }
}

/// Begins a thread of Ada's with a turn of this name.
async fn begun(store: &dyn Store, name: &str) -> (Thread, Lease) {
    let thread = owned("ada");
    let first = beginning(name, said(&thread, 0));
    let lease = store.create(&thread, first).await.unwrap().unwrap();
    (thread, lease)
}

async fn end(store: &dyn Store, lease: &Lease, charge: Charge) {
    let closing = Closing { charge: Some(charge), ..Closing::default() };
    store.end(lease, closing).await.unwrap();
}

/// Model, turns, requests, tokens read, and requests of unknown cost.
async fn told(store: &dyn Store) -> Vec<(String, u64, u64, u64, u64)> {
    let rows = store.usage(&owner("ada"), 2).await.unwrap();
    let row = |row: ModelUsage| {
        (row.model, row.turns, row.requests, row.usage.input_tokens, row.unpriced_calls)
    };
    rows.into_iter().map(row).collect()
}

fn row(model: &str, numbers: [u64; 4]) -> (String, u64, u64, u64, u64) {
    let [turns, requests, tokens, unpriced] = numbers;
    (model.to_owned(), turns, requests, tokens, unpriced)
}

async fn of_turns_that_come_together_as_many_are_counted_as_the_limit_allows(
    store: Arc<dyn Store>,
) {
    for limits in [
        CallerLimits { turns_per_minute: Some(7), ..NONE },
        CallerLimits { turns_at_once: Some(7), ..NONE },
    ] {
        let names: Vec<_> = (0..40).map(|number| format!("{limits:?} {number}")).collect();
        let owner = owner(&format!("{}", limits.turns_at_once.is_some()));
        let turns: Vec<_> = names.iter().map(|name| turn(name, &owner, limits)).collect();

        let counts = join_all(turns.iter().map(|turn| store.count(turn))).await;

        let counts: Vec<_> = counts.into_iter().map(Result::unwrap).collect();
        assert_eq!(counts.iter().filter(|count| count.is_within).count(), 7, "{limits:?}");
        let now = store.used(&owner, &limits).await.unwrap();
        assert_eq!((now.turns_of_minute, now.turns_at_once), (7, 7));
        assert!(now.minute_frees_in <= Duration::from_mins(1) && !now.minute_frees_in.is_zero());
    }
}

async fn of_turns_that_come_and_go_on_many_threads_never_more_run_than_the_limit_allows(
    store: Arc<dyn Store>,
) {
    let limits = CallerLimits { turns_at_once: Some(3), ..NONE };
    let (running, begun) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let come_and_go = |thread: usize| {
        let (store, running, begun) = (store.clone(), running.clone(), begun.clone());
        let clock = Handle::current();
        spawn_blocking(move || {
            for round in 0..20 {
                let name = format!("{thread} {round}");
                if !clock.block_on(count(&*store, &name, limits)).is_within {
                    continue;
                }
                assert!(running.fetch_add(1, Ordering::SeqCst) < 3, "one too many");
                begun.fetch_add(1, Ordering::Relaxed);
                running.fetch_sub(1, Ordering::SeqCst);
                clock.block_on(store.uncount(&name)).unwrap();
            }
        })
    };

    for thread in join_all((0..8).map(come_and_go)).await {
        thread.unwrap();
    }

    assert!(begun.load(Ordering::Relaxed) >= 20, "one of them gets on at any time");
    let now = store.used(&owner("ada"), &limits).await.unwrap();
    assert_eq!((now.turns_of_minute, now.turns_at_once), (0, 0), "all were taken back");
}

async fn a_turn_that_ended_counts_in_its_minute_and_runs_no_more(store: Arc<dyn Store>) {
    let (_, lease) = begun(&*store, "a").await;
    let first = count(&*store, "a", ONCE).await;
    let second = count(&*store, "b", ONCE).await;
    end(&*store, &lease, charge("a", &[])).await;
    let third = count(&*store, "c", ONCE).await;

    assert_eq!([first, second, third].map(|count| count.is_within), [true, false, true]);
    assert_eq!((third.used.turns_of_minute, third.used.turns_at_once), (2, 1));
}

async fn a_turn_that_is_taken_back_was_none(store: Arc<dyn Store>) {
    count(&*store, "a", ONCE).await;
    store.uncount("a").await.unwrap();
    store.uncount("unknown").await.unwrap();

    let after = used(&*store).await;

    assert_eq!((after.turns_of_minute, after.turns_at_once), (0, 0));
    assert!(count(&*store, "b", ONCE).await.is_within);
}

async fn a_turn_that_is_counted_twice_counts_once(store: Arc<dyn Store>) {
    let first = turn("a", &owner("ada"), CallerLimits { turns_at_once: Some(2), ..NONE });
    store.count(&first).await.unwrap();

    let again = store.count(&first).await.unwrap();

    assert_eq!((again.is_within, again.used.turns_at_once), (true, 1));
}

async fn a_turn_counts_for_its_owner_alone(store: Arc<dyn Store>) {
    count(&*store, "a", ONCE).await;

    let other = store.count(&turn("b", &owner("bob"), ONCE)).await.unwrap();

    assert!(other.is_within);
    assert_eq!(other.used.turns_at_once, 1);
    assert!(store.usage(&owner("bob"), 92).await.unwrap().is_empty());
}

async fn a_day_that_is_used_up_has_no_room_for_a_turn(store: Arc<dyn Store>) {
    let (_, lease) = begun(&*store, "a").await;
    end(&*store, &lease, charge("a", &[("m", 99)])).await;
    let tokens = |limit| CallerLimits { tokens_per_day: Some(limit), ..NONE };
    let cost = |nanos| CallerLimits { cost_per_day: Some(Cost::from_nanos(nanos)), ..NONE };

    for (limits, is_within) in [
        (tokens(100), false),
        (tokens(101), true),
        (cost(99), false),
        (cost(100), true),
        (CallerLimits { turns_at_once: Some(9), ..tokens(100) }, false),
        (CallerLimits { turns_per_minute: Some(9), ..cost(99) }, false),
        (CallerLimits { turns_per_minute: Some(9), ..cost(100) }, true),
    ] {
        let counted = count(&*store, &format!("{limits:?}"), limits).await;
        assert_eq!(counted.is_within, is_within, "{limits:?}");
        assert_eq!((counted.used.tokens_today, counted.used.cost_today.nanos()), (100, 99));
        assert!(counted.used.day_ends_in <= Duration::from_hours(24));
    }
    assert_eq!(used(&*store).await.turns_of_minute, 1, "what was refused was not counted");
}

async fn what_a_turn_used_is_written_with_its_end_and_once(store: Arc<dyn Store>) {
    let (_, lease) = begun(&*store, "a").await;
    let both = charge("a", &[("other", 5), ("m", 7)]);
    end(&*store, &lease, both).await;

    let (thread, lease) = begun(&*store, "b").await;
    end(&*store, &lease, charge("b", &[("m", 10)])).await;
    // Its answer was lost, and whoever ended it cannot know.
    store.charge(&owner("ada"), &thread.id, &charge("b", &[("m", 10)])).await.unwrap();
    let (_, lease) = begun(&*store, "c").await;
    end(&*store, &lease, charge("c", &[])).await;

    let expected = [row("", [1, 0, 0, 0]), row("m", [2, 2, 17, 0]), row("other", [0, 1, 5, 0])];
    assert_eq!(told(&*store).await, expected);
}

async fn what_could_not_be_written_with_the_end_is_added_once(store: Arc<dyn Store>) {
    let (thread, lease) = begun(&*store, "a").await;
    for _ in 0..2 {
        store.charge(&owner("ada"), &thread.id, &charge("a", &[("m", 7)])).await.unwrap();
    }
    store.release(&lease).await.unwrap();
    next(&*store, &thread, "b").await;

    assert_eq!(told(&*store).await, [row("m", [1, 1, 7, 0])]);
}

async fn the_use_of_a_thread_that_was_deleted_is_added_all_the_same(store: Arc<dyn Store>) {
    let (thread, lease) = begun(&*store, "a").await;
    count(&*store, "a", ONCE).await;
    store.delete(&owner("ada"), &thread.id).await.unwrap();
    let closing = Closing { charge: Some(charge("a", &[("m", 7)])), ..Closing::default() };
    assert!(store.end(&lease, closing).await.is_err());

    store.charge(&owner("ada"), &thread.id, &charge("a", &[("m", 7)])).await.unwrap();

    assert_eq!(told(&*store).await, [row("m", [1, 1, 7, 0])]);
    assert_eq!(used(&*store).await.turns_at_once, 0, "it runs no more");
}

async fn a_turn_that_was_never_charged_is_of_unknown_cost_once_the_next_one_begins(
    store: Arc<dyn Store>,
) {
    let (thread, lease) = begun(&*store, "a").await;
    store.release(&lease).await.unwrap();
    assert_eq!(told(&*store).await, []);

    let lease = next(&*store, &thread, "b").await;
    assert_eq!(told(&*store).await, [row("", [1, 1, 0, 1])]);
    // Late, but it was not dead: it is there already.
    end(&*store, &lease, charge("b", &[("m", 7)])).await;
    let lease = next(&*store, &thread, "c").await;
    end(&*store, &lease, charge("c", &[("m", 7)])).await;

    assert_eq!(told(&*store).await, [row("", [1, 1, 0, 1]), row("m", [2, 2, 14, 0])]);
}

async fn a_title_is_added_whatever_came_since(store: Arc<dyn Store>) {
    let (thread, lease) = begun(&*store, "a").await;
    end(&*store, &lease, charge("a", &[("m", 7)])).await;
    let lease = next(&*store, &thread, "b").await;
    end(&*store, &lease, charge("b", &[("m", 7)])).await;

    let Claim::Held(lease) = store.claim(&owner("ada"), &lease.resource).await.unwrap() else {
        panic!("it is free")
    };
    end(&*store, &lease, Charge { turns: 0, ..charge("title:a", &[("m", 1)]) }).await;
    let lease = next(&*store, &thread, "c").await;
    end(&*store, &lease, charge("c", &[("m", 7)])).await;

    assert_eq!(told(&*store).await, [row("m", [3, 4, 22, 0])]);
}

async fn any_number_that_a_provider_reports_is_added(store: Arc<dyn Store>) {
    for name in ["a", "b", "c"] {
        let (_, lease) = begun(&*store, name).await;
        let usage = Usage { input_tokens: u64::MAX, ..Usage::default() };
        let mut spends = SpendByModel::default();
        spends.add(ModelSpend::request("m", Spend { usage, ..spend(0) }));
        end(&*store, &lease, Charge { turn: name.to_owned(), turns: 1, spends }).await;
    }

    let [(_, turns, _, tokens, _)] = &told(&*store).await[..] else { panic!("one model") };
    assert!(*turns == 3 && *tokens >= 1_000_000_000_000_000);
    assert!(!count(&*store, "d", CallerLimits { tokens_per_day: Some(1), ..NONE }).await.is_within);
}

async fn what_is_estimated_counts_for_limits_and_is_told_apart(store: Arc<dyn Store>) {
    let estimate = Estimate { tokens: 1_000, cost: Cost::from_nanos(5) };
    let mut last = None;
    for name in ["a", "b", "c"] {
        let (thread, lease) = begun(&*store, name).await;
        let mut spends = SpendByModel::default();
        spends.add(ModelSpend::request("m", spend(9)).with_estimate(estimate));
        let charge = Charge { turn: name.to_owned(), turns: 1, spends };
        if name == "c" {
            // The way of what could not be written with its end.
            store.charge(&owner("ada"), &thread.id, &charge).await.unwrap();
        } else {
            end(&*store, &lease, charge).await;
        }
        last = Some(used(&*store).await);
    }

    let used = last.unwrap();
    assert_eq!((used.tokens_today, used.cost_today), (3_030, Cost::from_nanos(42)));
    let rows = store.usage(&owner("ada"), 2).await.unwrap();
    let [row] = &rows[..] else { panic!("{rows:?}") };
    assert_eq!(row.estimate, Estimate { tokens: 3_000, cost: Cost::from_nanos(15) });
    assert_eq!((row.usage.total(), row.cost.nanos()), (30, 27));
    let limits = CallerLimits { tokens_per_day: Some(3_030), ..NONE };
    assert!(!count(&*store, "d", limits).await.is_within);
    assert!(
        !count(&*store, "e", CallerLimits { turns_at_once: Some(9), ..limits }).await.is_within
    );
}

/// Begins the next turn in a thread.
async fn next(store: &dyn Store, thread: &Thread, name: &str) -> Lease {
    let resource = Resource::from(&thread.id);
    let Claim::Held(lease) = store.claim(&thread.owner, &resource).await.unwrap() else {
        panic!("{name} has no thread")
    };
    store.begin(&lease, beginning(name, said(thread, 1))).await.unwrap();
    lease
}
