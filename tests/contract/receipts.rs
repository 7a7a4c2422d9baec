//! One contract for every store: requests that come again.

use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use orchestrator::chat::{
    Beginning, Begun, Closing, Ending, Held, Lease, NewEffect, NewReceipt, Received, Settlement,
    Store,
};
use orchestrator::domain::{Outcome, Owner, Spend, Thread};
use sqlx::{AnyPool, query};
use tempfile::TempDir;

use super::leases::{databases, taken};
use super::stores::{self, beginning, said, thread};

contract!(
    of_two_threads_begun_under_one_key_one_is_kept,
    of_two_turns_begun_under_one_key_one_is_kept_whole,
    a_try_takes_the_place_of_the_one_it_knows_and_of_no_other,
    a_receipt_tells_how_things_stand,
    only_the_last_try_is_settled,
    an_end_settles_its_receipt_or_is_not_kept,
    a_deleted_thread_takes_its_receipts_with_it,
);

async fn of_two_threads_begun_under_one_key_one_is_kept(store: Arc<dyn Store>) {
    let threads: Vec<_> = (0..10).map(|_| thread()).collect();
    let attempts: Vec<_> = (0..10).map(|n| n.to_string()).collect();
    let begun = threads.iter().zip(&attempts).map(|(thread, attempt)| {
        let first = keyed(beginning(attempt, said(thread, 0)), None);
        store.create(thread, first)
    });
    let begun = join_all(begun).await;

    let won: Vec<_> = begun
        .into_iter()
        .zip(&threads)
        .filter(|(lease, _)| lease.as_ref().unwrap().is_some())
        .collect();
    let [(_, winner)] = &won[..] else { panic!("not one winner") };
    assert_eq!(received(&*store).await.unwrap().receipt.thread, winner.id);
    for thread in threads.iter().filter(|thread| thread.id != winner.id) {
        assert_eq!(
            store.find(&Owner::anyone(), &thread.id).await.unwrap(),
            None,
            "nothing of it is kept"
        );
    }
}

async fn of_two_turns_begun_under_one_key_one_is_kept_whole(store: Arc<dyn Store>) {
    let threads: Vec<_> = (0..4).map(|_| thread()).collect();
    let mut leases = Vec::new();
    for thread in &threads {
        leases.push(stores::create(&*store, thread, said(thread, 0)).await);
    }
    let begun = threads.iter().zip(&leases).map(|(thread, lease)| {
        let next = keyed(beginning(thread.id.as_str(), said(thread, 1)), None);
        store.begin(lease, next)
    });
    let begun: Vec<_> = join_all(begun).await.into_iter().map(Result::unwrap).collect();

    assert_eq!(begun.iter().filter(|begun| **begun == Begun::Kept).count(), 1);
    for (thread, begun) in threads.iter().zip(begun) {
        let kept = store.transcript(&thread.id, 9).await.unwrap().len();
        assert_eq!(kept, if begun == Begun::Kept { 2 } else { 1 });
    }
}

async fn a_try_takes_the_place_of_the_one_it_knows_and_of_no_other(store: Arc<dyn Store>) {
    let (thread, lease) = begun(&*store).await;
    let item = received(&*store).await.unwrap().receipt.item;
    let rewind = |attempt: &str, replaces: &str| {
        let (attempt, rewind_to) = (attempt.to_owned(), Some(item.clone()));
        let beginning =
            Beginning { attempt, rewind_to, entries: Vec::new(), receipt: None, granted: None };
        keyed(beginning, Some(replaces))
    };

    let second = store.begin(&lease, rewind("second", "first")).await.unwrap();
    let late = store.begin(&lease, rewind("late", "first")).await.unwrap();
    let lost = store.begin(&lease, rewind("second", "first")).await.unwrap();
    let stranger = store.begin(&lease, keyed(beginning("x", said(&thread, 7)), None)).await;

    assert_eq!((second, late), (Begun::Kept, Begun::KeyTaken));
    assert_eq!(lost, Begun::Kept, "the answer to the first was lost: it is its own");
    assert_eq!(stranger.unwrap(), Begun::KeyTaken);
    assert_eq!(received(&*store).await.unwrap().receipt.attempt, "second");
}

async fn a_receipt_tells_how_things_stand(store: Arc<dyn Store>) {
    let (thread, lease) = begun(&*store).await;
    let running = received(&*store).await.unwrap();
    let effect = NewEffect {
        root: "msg_turn".into(),
        key: "one".to_owned(),
        tool: "add".to_owned(),
        arguments: "{}".to_owned(),
    };
    store.intend(&lease, &effect).await.unwrap();
    let working = received(&*store).await.unwrap();
    let settlement = Some(settlement("first", Outcome::Cancelled));
    store.end(&lease, Closing { settlement, ..Closing::default() }).await.unwrap();
    let ended = received(&*store).await.unwrap();
    let lease = taken(&*store, &thread).await;
    store.begin(&lease, beginning("next", said(&thread, 1))).await.unwrap();
    let overtaken = received(&*store).await.unwrap();

    assert_eq!((running.end, running.held), (None, Held::Now));
    assert_eq!((running.is_newest, running.has_effects), (true, false));
    assert!(working.has_effects);
    let end = ended.end.unwrap();
    assert_eq!((end.ending.outcome, end.ending.is_final), (Outcome::Cancelled, false));
    assert_eq!(end.ending.told.as_deref(), Some("It was stopped."));
    assert!(end.ago < Duration::from_mins(1) && ended.held == Held::LetGo && ended.is_newest);
    assert!(!overtaken.is_newest && overtaken.held == Held::Now);
    assert_eq!(store.received("other").await.unwrap(), None);
}

async fn only_the_last_try_is_settled(store: Arc<dyn Store>) {
    let (_, lease) = begun(&*store).await;
    let item = received(&*store).await.unwrap().receipt.item;
    let (attempt, rewind_to) = ("second".to_owned(), Some(item));
    let second =
        Beginning { attempt, rewind_to, entries: Vec::new(), receipt: None, granted: None };
    store.begin(&lease, keyed(second, Some("first"))).await.unwrap();

    store.settle(&settlement("first", Outcome::Failed)).await.unwrap();
    let after_the_first = received(&*store).await.unwrap().end;
    store.settle(&settlement("second", Outcome::Completed)).await.unwrap();
    let after_the_second = received(&*store).await.unwrap().end;

    assert_eq!(after_the_first, None);
    assert_eq!(after_the_second.unwrap().ending.outcome, Outcome::Completed);
}

async fn an_end_settles_its_receipt_or_is_not_kept(store: Arc<dyn Store>) {
    let (thread, lease) = begun(&*store).await;
    store.release(&lease).await.unwrap();
    taken(&*store, &thread).await;

    let settlement = Some(settlement("first", Outcome::Completed));
    let late = store.end(&lease, Closing { settlement, ..Closing::default() }).await;

    assert!(late.is_err());
    assert_eq!(received(&*store).await.unwrap().end, None);
}

async fn a_deleted_thread_takes_its_receipts_with_it(store: Arc<dyn Store>) {
    let (thread, _) = begun(&*store).await;

    store.delete(&Owner::anyone(), &thread.id).await.unwrap();

    assert_eq!(received(&*store).await, None);
}

#[tokio::test]
async fn a_request_is_remembered_for_a_day() {
    sqlx::any::install_default_drivers();
    let folder = TempDir::new().unwrap();
    for url in databases(&folder).await {
        let store = stores::store(&url).await;
        begun(&*store).await;
        let pool = AnyPool::connect(&url).await.unwrap();
        let ages = |by: &'static str| query(by).execute(&pool);

        ages("UPDATE receipts SET received_at = received_at - 86300000").await.unwrap();
        assert!(received(&*store).await.is_some());
        ages("UPDATE receipts SET received_at = received_at - 100001").await.unwrap();
        assert_eq!(received(&*store).await, None);

        let (thread, _) = begun(&*store).await;
        assert_eq!(
            received(&*store).await.unwrap().receipt.thread,
            thread.id,
            "a key is free again"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn memory_remembers_a_request_for_a_day() {
    let store = stores::store("memory").await;
    begun(&*store).await;

    tokio::time::advance(Duration::from_hours(23)).await;
    assert!(received(&*store).await.is_some());
    tokio::time::advance(Duration::from_hours(2)).await;
    assert_eq!(received(&*store).await, None);
}

/// A thread whose first turn runs, for a request that may come again.
async fn begun(store: &dyn Store) -> (Thread, Lease) {
    let thread = thread();
    let first = keyed(beginning("first", said(&thread, 0)), None);
    let lease = store.create(&thread, first).await.unwrap().unwrap();
    (thread, lease)
}

fn keyed(beginning: Beginning, replaces: Option<&str>) -> Beginning {
    let first = beginning.entries.first().and_then(|entry| entry.item.as_ref());
    let item = first.map_or_else(|| "msg_1".into(), |item| item.id.clone());
    let (key, body, replaces) = ("key".to_owned(), "body".to_owned(), replaces.map(str::to_owned));
    let receipt = Some(NewReceipt { key, body, item, is_new: true, replaces });
    Beginning { receipt, ..beginning }
}

async fn received(store: &dyn Store) -> Option<Received> {
    store.received("key").await.unwrap()
}

fn settlement(attempt: &str, outcome: Outcome) -> Settlement {
    let (is_final, told) = (outcome.is_success(), Some("It was stopped.".to_owned()));
    let ending = Ending { outcome, is_final, told, spend: Spend::default() };
    Settlement { key: "key".to_owned(), attempt: attempt.to_owned(), ending }
}
