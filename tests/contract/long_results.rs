//! One contract for every store: long results, kept page by page (ADR 48).

use std::sync::Arc;
use std::time::Duration;

use orchestrator::chat::{
    Lease, LongResult, MAX_KEPT_BYTES, MAX_KEPT_RESULTS, PageRange, Resource, ResultPage, Store,
    ThreadsError,
};
use orchestrator::domain::{Owner, ResultId, Thread, ToolId};

use super::leases::taken_over;
use super::stores::{create, said, thread};

contract!(
    pages_come_back_as_they_were_each_by_itself,
    a_result_that_is_kept_again_takes_the_place_of_the_first,
    of_many_results_of_a_thread_the_newest_are_kept,
    of_large_results_of_a_thread_those_that_fit_are_kept,
    a_thread_has_results_of_its_own_and_takes_them_with_it,
    a_holder_of_the_past_keeps_nothing,
);

const ALL: PageRange = PageRange { first: 1, count: 1_000 };

async fn pages_come_back_as_they_were_each_by_itself(store: Arc<dyn Store>) {
    let (thread, lease) = held(&*store).await;
    let odd = ["\"one\"\n\\", "zwei ü \u{1f4a9} '", "3"];
    let kept = LongResult { origin: Some(speaker()), ..result("res_a", &odd) };

    store.keep(&lease, &kept).await.unwrap();

    let read = async |first, count| {
        let range = PageRange { first, count };
        store.pages(&resource(&thread), &kept.id, range).await.unwrap()
    };
    let page = |number: usize| {
        let text = odd[number - 1].to_owned();
        ResultPage { number, pages: 3, origin: Some(speaker()), text }
    };
    assert_eq!(read(2, 1).await, [page(2)]);
    assert_eq!(read(2, 9).await, [page(2), page(3)]);
    assert_eq!(read(4, 1).await, []);
    assert_eq!(read(0, 1).await, [], "pages are counted from one");
    assert_eq!(read(usize::MAX, usize::MAX).await, []);
    let other = store.pages(&resource(&thread), &"res_b".into(), ALL).await.unwrap();
    assert_eq!(other, []);
}

async fn a_result_that_is_kept_again_takes_the_place_of_the_first(store: Arc<dyn Store>) {
    let (thread, lease) = held(&*store).await;
    store.keep(&lease, &result("res_a", &["1", "2", "3"])).await.unwrap();

    store.keep(&lease, &result("res_a", &["one", "two"])).await.unwrap();

    let pages = store.pages(&resource(&thread), &"res_a".into(), ALL).await.unwrap();
    let texts: Vec<_> = pages.iter().map(|page| (page.text.as_str(), page.pages)).collect();
    assert_eq!(texts, [("one", 2), ("two", 2)]);
}

async fn of_many_results_of_a_thread_the_newest_are_kept(store: Arc<dyn Store>) {
    let (thread, lease) = held(&*store).await;

    for number in 0..100 {
        store.keep(&lease, &result(&format!("res_{number}"), &["a", "b"])).await.unwrap();
    }

    let kept = kept_of(&*store, &thread, 100).await;
    assert_eq!(kept.len(), MAX_KEPT_RESULTS);
    assert!(kept.contains(&99), "{kept:?}");
}

async fn of_large_results_of_a_thread_those_that_fit_are_kept(store: Arc<dyn Store>) {
    let (thread, lease) = held(&*store).await;
    let large = "x".repeat(MAX_KEPT_BYTES / 4 - 10);

    for number in 0..6 {
        store.keep(&lease, &result(&format!("res_{number}"), &[&large])).await.unwrap();
    }

    let kept = kept_of(&*store, &thread, 6).await;
    assert_eq!(kept.len(), 4, "{kept:?}");
    assert!(kept.contains(&5), "{kept:?}");
}

async fn a_thread_has_results_of_its_own_and_takes_them_with_it(store: Arc<dyn Store>) {
    let (one, lease) = held(&*store).await;
    let (other, other_lease) = held(&*store).await;
    store.keep(&lease, &result("res_0", &["a"])).await.unwrap();
    store.keep(&other_lease, &result("res_1", &["b"])).await.unwrap();

    assert_eq!(kept_of(&*store, &one, 2).await, [0]);
    assert_eq!(kept_of(&*store, &other, 2).await, [1]);
    assert!(store.delete(&Owner::anyone(), &one.id).await.unwrap());
    assert!(kept_of(&*store, &one, 2).await.is_empty());
    assert_eq!(kept_of(&*store, &other, 2).await, [1]);
}

async fn a_holder_of_the_past_keeps_nothing(store: Arc<dyn Store>) {
    let thread = thread();
    let (past, _now) = taken_over(&*store, &thread).await;

    let late = store.keep(&past, &result("res_0", &["a"])).await;

    assert!(matches!(late, Err(ThreadsError::Lost)), "{late:?}");
    assert!(kept_of(&*store, &thread, 1).await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn memory_finds_no_result_that_is_a_day_old() {
    let store = super::stores::store("memory").await;
    let (thread, lease) = held(&*store).await;
    store.keep(&lease, &result("res_0", &["a"])).await.unwrap();

    tokio::time::advance(Duration::from_hours(23)).await;
    assert_eq!(kept_of(&*store, &thread, 1).await, [0]);
    tokio::time::advance(Duration::from_hours(2)).await;
    assert!(kept_of(&*store, &thread, 1).await.is_empty());
}

async fn held(store: &dyn Store) -> (Thread, Lease) {
    let thread = thread();
    let lease = create(store, &thread, said(&thread, 0)).await;
    (thread, lease)
}

async fn kept_of(store: &dyn Store, thread: &Thread, count: usize) -> Vec<usize> {
    let mut kept = Vec::new();
    for number in 0..count {
        let id = ResultId::from(format!("res_{number}"));
        if !store.pages(&resource(thread), &id, ALL).await.unwrap().is_empty() {
            kept.push(number);
        }
    }
    kept
}

fn result(id: &str, pages: &[&str]) -> LongResult {
    let pages = pages.iter().map(|page| (*page).to_owned()).collect();
    LongResult { id: id.into(), origin: None, pages }
}

fn speaker() -> ToolId {
    ToolId { server: "notes".into(), tool: "read".into() }
}

fn resource(thread: &Thread) -> Resource {
    Resource::from(&thread.id)
}
