//! One contract for every keeper: who may write, what was done, what came twice.

use std::sync::Arc;

use futures::future::{join, join_all};
use jiff::Timestamp;
use orchestrator::chat::{
    Claim, Ending, Entry, Known, Lease, NewEffect, Parting, Receipt, Store, ThreadsError, TurnEnd,
};
use orchestrator::domain::{Cost, ItemId, Order, Outcome, Spend, Thread, ThreadId, Usage};
use sqlx::{AnyPool, query};
use tempfile::TempDir;

use super::keepers::{self, held, message, number, page, said, thread};
use crate::support::postgres;

contract!(
    whoever_makes_a_thread_holds_it,
    a_thread_made_twice_is_there_once,
    a_thread_that_was_let_go_goes_to_one_of_many_with_a_higher_epoch,
    a_lease_of_the_past_writes_nothing,
    of_two_partings_at_once_only_the_one_whose_lease_counts_is_kept,
    a_parting_lets_go_and_keeps_the_last_entry_and_the_receipt_once,
    a_last_entry_that_is_there_already_stays_in_its_place,
    a_lease_that_was_let_go_is_not_renewed,
    what_a_thread_cost_is_kept_with_it_and_outlives_a_rewind,
    a_rewind_leaves_what_was_before_and_keeps_what_is_given,
    an_effect_is_new_then_begun_then_done,
    an_effect_that_was_struck_out_is_new_and_one_that_is_done_stays,
    effects_outlive_a_rewind_and_belong_to_their_turn,
    a_deleted_thread_takes_everything_with_it,
    of_two_requests_under_one_key_the_first_counts,
    only_the_receipt_that_stands_is_superseded_or_settled,
);

async fn whoever_makes_a_thread_holds_it(store: Arc<dyn Store>) {
    let thread = thread();

    let lease = store.create(&thread, said(&thread, 0)).await.unwrap();

    assert_eq!(store.claim(&thread.id).await.unwrap(), Claim::Taken);
    store.renew(&lease).await.unwrap();
    store.add(&lease, said(&thread, 1)).await.unwrap();
    store.release(&lease, Parting::default()).await.unwrap();
    let Claim::Held(found, _) = store.claim(&thread.id).await.unwrap() else { panic!("not free") };
    assert_eq!(found, thread);
    assert_eq!(store.claim(&ThreadId::from("thr_nowhere")).await.unwrap(), Claim::Unknown);
}

async fn a_thread_made_twice_is_there_once(store: Arc<dyn Store>) {
    let thread = thread();
    let first = said(&thread, 0);
    let lease = store.create(&thread, first.clone()).await.unwrap();
    store.add(&lease, said(&thread, 1)).await.unwrap();

    store.create(&thread, first).await.unwrap();

    assert_eq!(numbers(&*store, &thread.id).await, [0, 1]);
    assert_eq!(store.list(&page(10, Order::Asc)).await.unwrap().data, [thread]);
}

async fn a_thread_that_was_let_go_goes_to_one_of_many_with_a_higher_epoch(store: Arc<dyn Store>) {
    let thread = thread();
    let mut last = store.create(&thread, said(&thread, 0)).await.unwrap();
    for _ in 0..5 {
        store.release(&last, Parting::default()).await.unwrap();

        let claims = join_all((0..10).map(|_| store.claim(&thread.id))).await;

        let held = claims.into_iter().filter_map(|claim| match claim.unwrap() {
            Claim::Held(found, lease) => Some((found, lease)),
            Claim::Taken | Claim::Unknown => None,
        });
        let [(found, lease)] = &held.collect::<Vec<_>>()[..] else { panic!("not one holder") };
        assert_eq!(found, &thread);
        assert!(lease.epoch > last.epoch);
        last = lease.clone();
    }
}

async fn what_a_thread_cost_is_kept_with_it_and_outlives_a_rewind(store: Arc<dyn Store>) {
    let thread = thread();
    let lease = store.create(&thread, said(&thread, 0)).await.unwrap();
    let usage = Usage { input_tokens: 9, cached_tokens: 8, output_tokens: 7, thinking_tokens: 6 };
    let spent = Spend { usage, cost: Cost::from_nanos(5), unpriced_calls: 4 };

    for _ in 0..2 {
        store.release(&lease, Parting { spent, ..Parting::default() }).await.unwrap();
    }
    let Claim::Held(claimed, lease) = store.claim(&thread.id).await.unwrap() else { panic!() };
    let first = first(&*store, &thread.id).await;
    store.rewind(&lease, &first, Vec::new()).await.unwrap();
    let found = store.find(&thread.id).await.unwrap().unwrap();
    let listed = store.list(&page(10, Order::Asc)).await.unwrap().data;

    let kept = Thread { spent, ..thread };
    assert_eq!([claimed, found], [0; 2].map(|_| kept.clone()));
    assert_eq!(listed, [kept]);
}

async fn a_lease_of_the_past_writes_nothing(store: Arc<dyn Store>) {
    let thread = thread();
    let (past, now) = taken_over(&*store, &thread).await;
    let request = receipt("1");
    store.receive(&request).await.unwrap();

    let lost = [
        store.add(&past, said(&thread, 7)).await,
        store.rewind(&past, &first(&*store, &thread.id).await, Vec::new()).await,
        store.renew(&past).await,
        store.release(&past, Parting::default()).await,
        store.release(&past, parting(&thread, 8, &request)).await,
        store.intend(&past, &effect("turn", "key")).await.map(drop),
    ];

    assert!(lost.iter().all(|it| matches!(it, Err(ThreadsError::Lost))), "{lost:?}");
    assert_eq!(numbers(&*store, &thread.id).await, [0, 1]);
    assert_eq!(store.effects(&thread.id, &"turn".into()).await.unwrap(), []);
    assert_eq!(store.received("key").await.unwrap(), Some(request));
    assert_eq!(store.claim(&thread.id).await.unwrap(), Claim::Taken);
    store.add(&now, said(&thread, 2)).await.unwrap();
}

async fn of_two_partings_at_once_only_the_one_whose_lease_counts_is_kept(store: Arc<dyn Store>) {
    let thread = thread();
    let (past, now) = taken_over(&*store, &thread).await;
    let [late, right] = [8, 2].map(|n| parting(&thread, n, &receipt("1")));

    let (late, right) = join(store.release(&past, late), store.release(&now, right)).await;

    assert!(matches!(late, Err(ThreadsError::Lost)), "{late:?}");
    assert!(right.is_ok(), "{right:?}");
    assert_eq!(numbers(&*store, &thread.id).await, [0, 1, 2]);
}

async fn a_parting_lets_go_and_keeps_the_last_entry_and_the_receipt_once(store: Arc<dyn Store>) {
    let thread = thread();
    let lease = store.create(&thread, said(&thread, 0)).await.unwrap();
    let request = receipt("1");
    store.receive(&request).await.unwrap();
    let parting = parting(&thread, 1, &request);

    for _ in 0..2 {
        store.release(&lease, parting.clone()).await.unwrap();
    }

    assert_eq!(numbers(&*store, &thread.id).await, [0, 1]);
    assert_eq!(store.transcript(&thread.id, 10).await.unwrap(), [0, 1].map(message));
    assert_eq!(store.received("key").await.unwrap(), parting.receipt);
    assert!(matches!(store.claim(&thread.id).await.unwrap(), Claim::Held(..)));
}

async fn a_last_entry_that_is_there_already_stays_in_its_place(store: Arc<dyn Store>) {
    let thread = thread();
    let lease = store.create(&thread, said(&thread, 0)).await.unwrap();
    let grown = said(&thread, 1);
    store.add(&lease, grown.clone()).await.unwrap();
    store.add(&lease, said(&thread, 2)).await.unwrap();
    let silent = Entry { message: None, ..grown };

    let parting = Parting { last: Some(silent), ..Parting::default() };
    store.release(&lease, parting).await.unwrap();

    assert_eq!(numbers(&*store, &thread.id).await, [0, 1, 2]);
    assert_eq!(store.transcript(&thread.id, 10).await.unwrap(), [0, 1, 2].map(message));
}

async fn a_lease_that_was_let_go_is_not_renewed(store: Arc<dyn Store>) {
    let thread = thread();
    let lease = store.create(&thread, said(&thread, 0)).await.unwrap();
    store.release(&lease, Parting::default()).await.unwrap();

    let renewed = store.renew(&lease).await;

    assert!(matches!(renewed, Err(ThreadsError::Lost)), "{renewed:?}");
    assert!(matches!(store.claim(&thread.id).await.unwrap(), Claim::Held(..)));
}

async fn a_rewind_leaves_what_was_before_and_keeps_what_is_given(store: Arc<dyn Store>) {
    let thread = thread();
    let lease = store.create(&thread, said(&thread, 0)).await.unwrap();
    for n in 1..5 {
        store.add(&lease, said(&thread, n)).await.unwrap();
    }
    let listed = store.items(&thread.id, &page(10, Order::Asc)).await.unwrap().data;
    let kept = [6, 7].map(|n| Entry { item: None, ..said(&thread, n) });

    store.rewind(&lease, &listed[1].id, kept.to_vec()).await.unwrap();
    store.add(&lease, said(&thread, 8)).await.unwrap();

    assert_eq!(numbers(&*store, &thread.id).await, [0, 1, 8]);
    let transcript = store.transcript(&thread.id, 10).await.unwrap();
    assert_eq!(transcript, [0, 1, 6, 7, 8].map(message));
    assert_eq!(store.item(&thread.id, &listed[2].id).await.unwrap(), None);
}

async fn an_effect_is_new_then_begun_then_done(store: Arc<dyn Store>) {
    let thread = thread();
    let lease = store.create(&thread, said(&thread, 0)).await.unwrap();
    let (one, two) = (effect("turn", "one"), effect("turn", "two"));

    assert_eq!(store.intend(&lease, &one).await.unwrap(), Known::New);
    assert_eq!(store.intend(&lease, &two).await.unwrap(), Known::New);
    assert_eq!(store.intend(&lease, &one).await.unwrap(), Known::Begun);
    store.conclude(&lease, "one", "yes\0").await.unwrap();
    assert!(matches!(store.intend(&lease, &one).await.unwrap(), Known::Done(_)));

    let known = store.effects(&thread.id, &"turn".into()).await.unwrap();
    let keys: Vec<_> = known.iter().map(|known| known.effect.key.as_str()).collect();
    assert_eq!(keys, ["one", "two"]);
    assert!(known[0].output.is_some() && known[1].output.is_none());
}

async fn an_effect_that_was_struck_out_is_new_and_one_that_is_done_stays(store: Arc<dyn Store>) {
    let thread = thread();
    let lease = store.create(&thread, said(&thread, 0)).await.unwrap();
    let one = effect("turn", "one");

    store.intend(&lease, &one).await.unwrap();
    store.withdraw(&lease, "one").await.unwrap();
    assert_eq!(store.intend(&lease, &one).await.unwrap(), Known::New);
    store.conclude(&lease, "one", "yes").await.unwrap();
    store.withdraw(&lease, "one").await.unwrap();

    assert_eq!(store.intend(&lease, &one).await.unwrap(), Known::Done("yes".to_owned()));
}

async fn effects_outlive_a_rewind_and_belong_to_their_turn(store: Arc<dyn Store>) {
    let thread = thread();
    let lease = store.create(&thread, said(&thread, 0)).await.unwrap();
    store.intend(&lease, &effect("this", "a")).await.unwrap();
    store.intend(&lease, &effect("that", "b")).await.unwrap();

    store.rewind(&lease, &first(&*store, &thread.id).await, Vec::new()).await.unwrap();

    let this = store.effects(&thread.id, &"this".into()).await.unwrap();
    assert_eq!(this.iter().map(|it| it.effect.key.as_str()).collect::<Vec<_>>(), ["a"]);
}

async fn a_deleted_thread_takes_everything_with_it(store: Arc<dyn Store>) {
    let thread = thread();
    let lease = store.create(&thread, said(&thread, 0)).await.unwrap();
    store.intend(&lease, &effect("turn", "key")).await.unwrap();

    assert!(store.delete(&thread.id).await.unwrap());

    let lost = [
        store.add(&lease, said(&thread, 1)).await,
        store.renew(&lease).await,
        store.intend(&lease, &effect("turn", "key")).await.map(drop),
    ];
    assert!(lost.iter().all(|it| matches!(it, Err(ThreadsError::Lost))), "{lost:?}");
    assert_eq!(store.claim(&thread.id).await.unwrap(), Claim::Unknown);
    let effects = store.effects(&thread.id, &"turn".into()).await.unwrap();
    let turn = store.turn(&thread.id, &"msg_turn".into()).await.unwrap();
    assert_eq!((effects, turn), (Vec::new(), Vec::new()));
    assert_eq!(numbers(&*store, &thread.id).await, [0; 0]);
}

async fn of_two_requests_under_one_key_the_first_counts(store: Arc<dyn Store>) {
    let receipts: Vec<_> = (0..10).map(|n| receipt(&n.to_string())).collect();

    let answers = join_all(receipts.iter().map(|receipt| store.receive(receipt))).await;

    let kept = store.received("key").await.unwrap().unwrap();
    for (receipt, answer) in receipts.iter().zip(answers) {
        assert_eq!(answer.unwrap(), (*receipt != kept).then(|| kept.clone()));
    }
}

async fn only_the_receipt_that_stands_is_superseded_or_settled(store: Arc<dyn Store>) {
    let [first, second, third] = ["1", "2", "3"].map(receipt);
    store.receive(&first).await.unwrap();

    assert!(store.supersede(&first, &second).await.unwrap());
    assert!(!store.supersede(&first, &third).await.unwrap());
    store.settle(&ended(&first)).await.unwrap();
    assert_eq!(store.received("key").await.unwrap(), Some(second.clone()));
    store.settle(&ended(&second)).await.unwrap();

    let kept = store.received("key").await.unwrap().unwrap();
    assert_eq!(kept.request, second.request);
    assert_eq!(kept.end.unwrap().turn.text, "It is done.");
    assert_eq!(store.received("other").await.unwrap(), None);
}

#[tokio::test]
async fn a_parting_whose_answer_was_lost_is_known_when_it_comes_again() {
    let folder = TempDir::new().unwrap();
    for url in databases(&folder).await {
        let (store, thread) = (keepers::store(&url).await, thread());
        let lease = store.create(&thread, said(&thread, 0)).await.unwrap();
        let [kept, late] = [1, 2].map(|n| parting(&thread, n, &receipt("1")));
        store.release(&lease, kept.clone()).await.unwrap();
        assert!(matches!(store.claim(&thread.id).await.unwrap(), Claim::Held(..)));

        let again = store.release(&lease, kept).await;
        let late = store.release(&lease, late).await;

        assert!(again.is_ok(), "{again:?}");
        assert!(matches!(late, Err(ThreadsError::Lost)), "{late:?}");
        assert_eq!(numbers(&*store, &thread.id).await, [0, 1]);
        assert_eq!(store.claim(&thread.id).await.unwrap(), Claim::Taken);
    }
}

#[tokio::test]
async fn a_request_is_remembered_for_a_day() {
    sqlx::any::install_default_drivers();
    let folder = TempDir::new().unwrap();
    for url in databases(&folder).await {
        let store = keepers::store(&url).await;
        let [first, second, third] = ["1", "2", "3"].map(receipt);
        let other = Receipt { key: "other".to_owned(), ..first.clone() };
        store.receive(&first).await.unwrap();
        store.receive(&other).await.unwrap();
        let pool = AnyPool::connect(&url).await.unwrap();
        let ages = |by: &'static str| query(by).execute(&pool);

        ages("UPDATE receipts SET received_at = received_at - 86300000").await.unwrap();
        assert_eq!(store.receive(&second).await.unwrap(), Some(first));
        ages("UPDATE receipts SET received_at = received_at - 100001").await.unwrap();
        assert_eq!(store.receive(&third).await.unwrap(), None);

        assert_eq!(store.received("key").await.unwrap(), Some(third));
        assert_eq!(store.received("other").await.unwrap(), None);
    }
}

/// Those that can lose an answer, and have a clock of their own.
async fn databases(folder: &TempDir) -> Vec<String> {
    let sqlite = format!("sqlite://{}/threads.db", folder.path().display());
    [Some(sqlite), postgres::database().await].into_iter().flatten().collect()
}

/// A thread that another holder has taken over, and wrote in; the earlier lease and its own.
async fn taken_over(store: &dyn Store, thread: &Thread) -> (Lease, Lease) {
    let past = store.create(thread, said(thread, 0)).await.unwrap();
    assert_eq!(past, held(thread));
    store.release(&past, Parting::default()).await.unwrap();
    let Claim::Held(_, now) = store.claim(&thread.id).await.unwrap() else { panic!("not free") };
    store.add(&now, said(thread, 1)).await.unwrap();
    (past, now)
}

async fn first(store: &dyn Store, thread: &ThreadId) -> ItemId {
    store.items(thread, &page(1, Order::Asc)).await.unwrap().data[0].id.clone()
}

async fn numbers(store: &dyn Store, thread: &ThreadId) -> Vec<u32> {
    store.items(thread, &page(10, Order::Asc)).await.unwrap().data.iter().map(number).collect()
}

fn effect(turn: &str, key: &str) -> NewEffect {
    let (key, tool, arguments) = (key.to_owned(), "add".to_owned(), "{}".to_owned());
    NewEffect { turn: turn.into(), key, tool, arguments }
}

fn receipt(request: &str) -> Receipt {
    let (key, body, request) = ("key".to_owned(), "body".to_owned(), request.to_owned());
    let (thread, turn) = (ThreadId::from("thr_1"), ItemId::from("msg_1"));
    Receipt { key, body, request, thread, turn, is_new: false, end: None }
}

fn parting(thread: &Thread, last: u32, receipt: &Receipt) -> Parting {
    let (last, receipt) = (Some(said(thread, last)), Some(ended(receipt)));
    Parting { last, receipt, ..Parting::default() }
}

fn ended(receipt: &Receipt) -> Receipt {
    let turn = TurnEnd {
        thread: receipt.thread.clone(),
        outcome: Outcome::Completed,
        told: None,
        text: "It is done.".to_owned(),
        tool_calls: Vec::new(),
        spend: Spend::default(),
        thread_spend: Some(Spend::default()),
    };
    let ending = Ending { at: Timestamp::UNIX_EPOCH, turn };
    Receipt { end: Some(Box::new(ending)), ..receipt.clone() }
}
