//! One contract for every store: who may write in a thread, and what a turn begins and ends with.

use std::slice::from_ref;
use std::sync::Arc;

use futures::future::{join, join_all};
use orchestrator::chat::{
    Beginning, Begun, Claim, Closing, Entry, Lease, Resource, Store, ThreadsError,
};
use orchestrator::domain::{Cost, ItemId, Order, Owner, Spend, Thread, ThreadId, Usage};
use sqlx::{AnyPool, query};
use tempfile::TempDir;

use super::stores::{self, beginning, create, held, message, number, page, said, thread};
use crate::support::postgres;

contract!(
    whoever_makes_a_thread_holds_it,
    a_thread_made_twice_is_there_once,
    a_thread_that_was_let_go_goes_to_one_of_many_with_a_higher_epoch,
    a_lease_of_the_past_writes_nothing,
    of_two_ends_at_once_only_the_one_whose_lease_counts_is_kept,
    an_end_lets_go_and_keeps_the_last_entry_once,
    a_last_entry_that_is_there_already_stays_in_its_place,
    all_that_is_held_is_renewed_at_once_and_nothing_else,
    a_lease_that_is_released_leaves_the_thread_as_it_was,
    what_a_thread_cost_is_kept_with_it_and_outlives_a_rewind,
    a_turn_begins_with_all_of_its_entries_or_none,
    a_rewind_leaves_what_was_before_and_keeps_what_is_given,
    a_deleted_thread_takes_its_lease_with_it,
);

async fn whoever_makes_a_thread_holds_it(store: Arc<dyn Store>) {
    let thread = thread();

    let lease = create(&*store, &thread, said(&thread, 0)).await;

    assert_eq!(claim(&*store, &thread).await, Claim::Taken);
    assert_eq!(store.renew(from_ref(&lease)).await.unwrap(), [Resource::from(&thread.id)]);
    store.add(&lease, said(&thread, 1)).await.unwrap();
    store.end(&lease, Closing::default()).await.unwrap();
    assert!(matches!(claim(&*store, &thread).await, Claim::Held(_)));
    let nowhere = Resource::from(&ThreadId::from("thr_nowhere"));
    assert_eq!(store.claim(&Owner::anyone(), &nowhere).await.unwrap(), Claim::Unknown);
}

async fn a_thread_made_twice_is_there_once(store: Arc<dyn Store>) {
    let thread = thread();
    let first = said(&thread, 0);
    let lease = create(&*store, &thread, first.clone()).await;
    store.add(&lease, said(&thread, 1)).await.unwrap();

    create(&*store, &thread, first).await;

    assert_eq!(numbers(&*store, &thread.id).await, [0, 1]);
    assert_eq!(store.list(&Owner::anyone(), &page(10, Order::Asc)).await.unwrap().data, [thread]);
}

async fn a_thread_that_was_let_go_goes_to_one_of_many_with_a_higher_epoch(store: Arc<dyn Store>) {
    let thread = thread();
    let mut last = create(&*store, &thread, said(&thread, 0)).await;
    for _ in 0..5 {
        store.end(&last, Closing::default()).await.unwrap();

        let claims = join_all((0..10).map(|_| claim(&*store, &thread))).await;

        let held = claims.into_iter().filter_map(|claim| match claim {
            Claim::Held(lease) => Some(lease),
            Claim::Taken | Claim::Unknown => None,
        });
        let [lease] = &held.collect::<Vec<_>>()[..] else { panic!("not one holder") };
        assert!(lease.epoch > last.epoch);
        last = lease.clone();
    }
}

async fn what_a_thread_cost_is_kept_with_it_and_outlives_a_rewind(store: Arc<dyn Store>) {
    let thread = thread();
    let lease = create(&*store, &thread, said(&thread, 0)).await;
    let usage = Usage { input_tokens: 9, cached_tokens: 8, output_tokens: 7, thinking_tokens: 6 };
    let spent = Spend { usage, cost: Cost::from_nanos(5), unpriced_calls: 4 };

    for _ in 0..2 {
        store.end(&lease, Closing { spent, ..Closing::default() }).await.unwrap();
    }
    let lease = taken(&*store, &thread).await;
    let first = first(&*store, &thread.id).await;
    store.begin(&lease, rewind("second", &first, Vec::new())).await.unwrap();
    let found = store.find(&Owner::anyone(), &thread.id).await.unwrap().unwrap();
    let listed = store.list(&Owner::anyone(), &page(10, Order::Asc)).await.unwrap().data;

    let kept = Thread { spent, ..thread };
    assert_eq!((found, listed), (kept.clone(), vec![kept]));
}

async fn a_lease_of_the_past_writes_nothing(store: Arc<dyn Store>) {
    let thread = thread();
    let (past, now) = taken_over(&*store, &thread).await;
    let first = first(&*store, &thread.id).await;

    let lost = [
        store.add(&past, said(&thread, 7)).await,
        store.begin(&past, beginning("late", said(&thread, 7))).await.map(drop),
        store.begin(&past, rewind("late", &first, Vec::new())).await.map(drop),
        store.end(&past, Closing::default()).await,
        store.end(&past, closing(&thread, 8)).await,
    ];

    assert!(lost.iter().all(|it| matches!(it, Err(ThreadsError::Lost))), "{lost:?}");
    assert_eq!(store.renew(from_ref(&past)).await.unwrap(), []);
    store.release(&past).await.unwrap();
    assert_eq!(numbers(&*store, &thread.id).await, [0, 1]);
    assert_eq!(claim(&*store, &thread).await, Claim::Taken);
    store.add(&now, said(&thread, 2)).await.unwrap();
}

async fn of_two_ends_at_once_only_the_one_whose_lease_counts_is_kept(store: Arc<dyn Store>) {
    let thread = thread();
    let (past, now) = taken_over(&*store, &thread).await;
    let [late, right] = [8, 2].map(|n| closing(&thread, n));

    let (late, right) = join(store.end(&past, late), store.end(&now, right)).await;

    assert!(matches!(late, Err(ThreadsError::Lost)), "{late:?}");
    assert!(right.is_ok(), "{right:?}");
    assert_eq!(numbers(&*store, &thread.id).await, [0, 1, 2]);
}

async fn an_end_lets_go_and_keeps_the_last_entry_once(store: Arc<dyn Store>) {
    let thread = thread();
    let lease = create(&*store, &thread, said(&thread, 0)).await;
    let closing = closing(&thread, 1);

    for _ in 0..2 {
        store.end(&lease, closing.clone()).await.unwrap();
    }

    assert_eq!(numbers(&*store, &thread.id).await, [0, 1]);
    assert_eq!(store.transcript(&thread.id, 10).await.unwrap(), [0, 1].map(message));
    assert!(matches!(claim(&*store, &thread).await, Claim::Held(_)));
}

async fn a_last_entry_that_is_there_already_stays_in_its_place(store: Arc<dyn Store>) {
    let thread = thread();
    let lease = create(&*store, &thread, said(&thread, 0)).await;
    let grown = said(&thread, 1);
    store.add(&lease, grown.clone()).await.unwrap();
    store.add(&lease, said(&thread, 2)).await.unwrap();
    let silent = Entry { message: None, ..grown };

    store.end(&lease, Closing { last: Some(silent), ..Closing::default() }).await.unwrap();

    assert_eq!(numbers(&*store, &thread.id).await, [0, 1, 2]);
    assert_eq!(store.transcript(&thread.id, 10).await.unwrap(), [0, 1, 2].map(message));
}

async fn all_that_is_held_is_renewed_at_once_and_nothing_else(store: Arc<dyn Store>) {
    let threads: Vec<_> = (0..4).map(|_| thread()).collect();
    let mut leases = Vec::new();
    for thread in &threads {
        leases.push(create(&*store, thread, said(thread, 0)).await);
    }
    store.end(&leases[1], Closing::default()).await.unwrap();
    leases[2].epoch += 1;
    store.delete(&Owner::anyone(), &threads[3].id).await.unwrap();

    let renewed = store.renew(&leases).await.unwrap();

    assert_eq!(renewed, [Resource::from(&threads[0].id)]);
    assert!(matches!(claim(&*store, &threads[1]).await, Claim::Held(_)), "let go stays let go");
}

async fn a_lease_that_is_released_leaves_the_thread_as_it_was(store: Arc<dyn Store>) {
    let thread = thread();
    let lease = create(&*store, &thread, said(&thread, 0)).await;
    let spent = Spend { unpriced_calls: 4, ..Spend::default() };
    store.end(&lease, Closing { spent, ..Closing::default() }).await.unwrap();

    let lease = taken(&*store, &thread).await;
    store.release(&lease).await.unwrap();

    assert!(matches!(claim(&*store, &thread).await, Claim::Held(_)));
    assert_eq!(
        store.find(&Owner::anyone(), &thread.id).await.unwrap(),
        Some(Thread { spent, ..thread })
    );
}

async fn a_turn_begins_with_all_of_its_entries_or_none(store: Arc<dyn Store>) {
    let thread = thread();
    let lease = create(&*store, &thread, said(&thread, 0)).await;
    let form = Entry { message: None, ..said(&thread, 1) };
    store.add(&lease, form.clone()).await.unwrap();
    store.add(&lease, said(&thread, 2)).await.unwrap();

    let mut settled = Entry { message: None, root: "msg_other".into(), ..said(&thread, 7) };
    settled.item.as_mut().unwrap().id = form.item.unwrap().id;
    let mut both = beginning("second", settled.clone());
    both.entries.push(said(&thread, 3));
    let begun = store.begin(&lease, both).await.unwrap();

    assert_eq!(begun, Begun::Kept);
    assert_eq!(numbers(&*store, &thread.id).await, [0, 7, 2, 3]);
    let id = settled.item.unwrap().id;
    let kept = store.entry(&thread.id, &id).await.unwrap().unwrap();
    assert_eq!(kept.root.as_str(), "msg_turn", "an entry stays what it was kept for");
}

async fn a_rewind_leaves_what_was_before_and_keeps_what_is_given(store: Arc<dyn Store>) {
    let thread = thread();
    let lease = create(&*store, &thread, said(&thread, 0)).await;
    for n in 1..5 {
        store.add(&lease, said(&thread, n)).await.unwrap();
    }
    let listed =
        store.items(&Owner::anyone(), &thread.id, &page(10, Order::Asc)).await.unwrap().data;
    let kept = [6, 7].map(|n| Entry { item: None, ..said(&thread, n) });

    store.begin(&lease, rewind("second", &listed[1].id, kept.to_vec())).await.unwrap();
    store.add(&lease, said(&thread, 8)).await.unwrap();

    assert_eq!(numbers(&*store, &thread.id).await, [0, 1, 8]);
    let transcript = store.transcript(&thread.id, 10).await.unwrap();
    assert_eq!(transcript, [0, 1, 6, 7, 8].map(message));
    assert_eq!(store.item(&thread.id, &listed[2].id).await.unwrap(), None);
}

async fn a_deleted_thread_takes_its_lease_with_it(store: Arc<dyn Store>) {
    let thread = thread();
    let lease = create(&*store, &thread, said(&thread, 0)).await;

    assert!(store.delete(&Owner::anyone(), &thread.id).await.unwrap());
    assert!(!store.delete(&Owner::anyone(), &thread.id).await.unwrap());

    let lost = [
        store.add(&lease, said(&thread, 1)).await,
        store.begin(&lease, beginning("late", said(&thread, 1))).await.map(drop),
        store.end(&lease, Closing::default()).await,
    ];
    assert!(lost.iter().all(|it| matches!(it, Err(ThreadsError::Lost))), "{lost:?}");
    assert_eq!(claim(&*store, &thread).await, Claim::Unknown);
    assert_eq!(store.turn(&thread.id, &"msg_turn".into()).await.unwrap(), []);
    assert_eq!(numbers(&*store, &thread.id).await, [0; 0]);
}

#[tokio::test]
async fn an_end_whose_answer_was_lost_is_known_when_it_comes_again() {
    let folder = TempDir::new().unwrap();
    for url in databases(&folder).await {
        let (store, thread) = (stores::store(&url).await, thread());
        let lease = create(&*store, &thread, said(&thread, 0)).await;
        let [kept, late] = [1, 2].map(|n| closing(&thread, n));
        store.end(&lease, kept.clone()).await.unwrap();
        taken(&*store, &thread).await;

        let again = store.end(&lease, kept).await;
        let late = store.end(&lease, late).await;

        assert!(again.is_ok(), "{again:?}");
        assert!(matches!(late, Err(ThreadsError::Lost)), "{late:?}");
        assert_eq!(numbers(&*store, &thread.id).await, [0, 1]);
        assert_eq!(claim(&*store, &thread).await, Claim::Taken);
    }
}

#[tokio::test]
async fn a_lease_from_before_the_clock_was_set_back_is_not_believed() {
    sqlx::any::install_default_drivers();
    let folder = TempDir::new().unwrap();
    for url in databases(&folder).await {
        let (store, thread) = (stores::store(&url).await, thread());
        create(&*store, &thread, said(&thread, 0)).await;
        let pool = AnyPool::connect(&url).await.unwrap();

        let ahead = "UPDATE leases SET held_until = held_until + 7200000";
        query(ahead).execute(&pool).await.unwrap();

        assert!(matches!(claim(&*store, &thread).await, Claim::Held(_)), "{url}");
    }
}

/// Those that can lose an answer, and have a clock of their own.
pub(super) async fn databases(folder: &TempDir) -> Vec<String> {
    let sqlite = format!("sqlite://{}/threads.db", folder.path().display());
    [Some(sqlite), postgres::database().await].into_iter().flatten().collect()
}

/// A thread that another holder has taken over, and wrote in; the earlier lease and its own.
pub(super) async fn taken_over(store: &dyn Store, thread: &Thread) -> (Lease, Lease) {
    let past = create(store, thread, said(thread, 0)).await;
    assert_eq!(past, held(thread));
    store.end(&past, Closing::default()).await.unwrap();
    let now = taken(store, thread).await;
    store.add(&now, said(thread, 1)).await.unwrap();
    (past, now)
}

pub(super) async fn taken(store: &dyn Store, thread: &Thread) -> Lease {
    let Claim::Held(lease) = claim(store, thread).await else { panic!("not free") };
    lease
}

async fn claim(store: &dyn Store, thread: &Thread) -> Claim {
    store.claim(&Owner::anyone(), &Resource::from(&thread.id)).await.unwrap()
}

fn rewind(attempt: &str, to: &ItemId, entries: Vec<Entry>) -> Beginning {
    let (attempt, rewind_to) = (attempt.to_owned(), Some(to.clone()));
    Beginning { attempt, rewind_to, entries, receipt: None, granted: None }
}

async fn first(store: &dyn Store, thread: &ThreadId) -> ItemId {
    store.items(&Owner::anyone(), thread, &page(1, Order::Asc)).await.unwrap().data[0].id.clone()
}

async fn numbers(store: &dyn Store, thread: &ThreadId) -> Vec<u32> {
    store
        .items(&Owner::anyone(), thread, &page(10, Order::Asc))
        .await
        .unwrap()
        .data
        .iter()
        .map(number)
        .collect()
}

fn closing(thread: &Thread, last: u32) -> Closing {
    Closing { last: Some(said(thread, last)), ..Closing::default() }
}
