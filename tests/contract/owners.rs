//! One contract for every store: what belongs to one owner is not there for another (ADR 29).

use std::slice::from_ref;
use std::sync::Arc;

use orchestrator::chat::{Claim, Naming, Rating, Resource, Store, ThreadsError};
use orchestrator::domain::{Order, Owner, Page, PageRequest, Thread};
use sqlx::{AnyPool, query_scalar};
use tempfile::TempDir;

use super::stores::{self, create, page, said, thread};
use crate::support::postgres;

contract!(
    what_belongs_to_another_is_not_found,
    what_belongs_to_another_cannot_be_changed,
    each_lists_its_own_in_both_orders,
    the_owner_of_a_thread_is_kept_with_it,
);

/// Two owners whose names look alike, and somebody without a name.
fn owners() -> [Owner; 3] {
    let user = |tenant, user| Owner::user(tenant, user).unwrap();
    [user("acme", "ada"), user("", "acme/ada"), Owner::anyone()]
}

fn owned(owner: &Owner) -> Thread {
    Thread { owner: owner.clone(), ..thread() }
}

async fn what_belongs_to_another_is_not_found(store: Arc<dyn Store>) {
    for mine in owners() {
        let thread = owned(&mine);
        let lease = create(&*store, &thread, said(&thread, 0)).await;
        store.release(&lease).await.unwrap();

        for other in owners().iter().filter(|other| **other != mine) {
            assert_not_found(&*store, other, &thread).await;
        }

        assert_eq!(store.find(&mine, &thread.id).await.unwrap().as_ref(), Some(&thread));
        let items = store.items(&mine, &thread.id, &page(10, Order::Asc)).await.unwrap();
        assert_eq!(items.data.len(), 1);
        let claim = store.claim(&mine, &Resource::from(&thread.id)).await.unwrap();
        assert!(matches!(claim, Claim::Held(_)));
    }
}

async fn assert_not_found(store: &dyn Store, other: &Owner, thread: &Thread) {
    let all = page(10, Order::Asc);
    let after = PageRequest { after: Some(thread.id.to_string()), ..all.clone() };
    assert_eq!(store.find(other, &thread.id).await.unwrap(), None);
    assert_eq!(store.items(other, &thread.id, &all).await.unwrap(), Page::empty());
    let claim = store.claim(other, &Resource::from(&thread.id)).await.unwrap();
    assert_eq!(claim, Claim::Unknown);
    let listed = store.list(other, &after).await;
    assert!(matches!(listed, Err(ThreadsError::UnknownCursor)), "{listed:?}");
}

async fn what_belongs_to_another_cannot_be_changed(store: Arc<dyn Store>) {
    let [mine, other, _] = owners();
    let thread = owned(&mine);
    let first = said(&thread, 0);
    let item = first.item.as_ref().unwrap().id.clone();
    create(&*store, &thread, first).await;

    for naming in [Naming::Always, Naming::IfNone] {
        let named = store.name(&other, &thread.id, "Stolen", naming).await.unwrap();
        assert_eq!(named, None);
    }
    assert!(!store.delete(&other, &thread.id).await.unwrap());
    store.rate(&other, &thread.id, from_ref(&item), Rating::Negative).await.unwrap();

    assert_eq!(store.find(&mine, &thread.id).await.unwrap(), Some(thread.clone()));
    let named = store.name(&mine, &thread.id, "Mine", Naming::Always).await.unwrap();
    assert_eq!(named.and_then(|thread| thread.title).as_deref(), Some("Mine"));
    assert!(store.delete(&mine, &thread.id).await.unwrap());
}

async fn each_lists_its_own_in_both_orders(store: Arc<dyn Store>) {
    let mut made = Vec::new();
    // Mixed, so that the threads of one owner are not next to each other.
    for _ in 0..3 {
        for owner in owners() {
            let thread = owned(&owner);
            create(&*store, &thread, said(&thread, 0)).await;
            made.push(thread);
        }
    }
    made.sort_by(|one, two| (one.created_at, &one.id).cmp(&(two.created_at, &two.id)));

    for owner in owners() {
        let own: Vec<_> = made.iter().filter(|it| it.owner == owner).cloned().collect();
        for order in [Order::Asc, Order::Desc] {
            let mut expected = own.clone();
            if order == Order::Desc {
                expected.reverse();
            }
            let first = store.list(&owner, &page(2, order)).await.unwrap();
            assert_eq!((first.data.as_slice(), first.has_more), (&expected[..2], true));
            let rest = PageRequest { after: first.after, ..page(2, order) };
            let rest = store.list(&owner, &rest).await.unwrap();
            assert_eq!((rest.data.as_slice(), rest.has_more), (&expected[2..], false));
        }
    }
}

async fn the_owner_of_a_thread_is_kept_with_it(store: Arc<dyn Store>) {
    let odd = Owner::user("a", "b'; DROP TABLE threads; -- \u{1f600}").unwrap();
    let thread = owned(&odd);
    create(&*store, &thread, said(&thread, 0)).await;

    assert_eq!(store.find(&odd, &thread.id).await.unwrap().unwrap().owner, odd);
}

#[tokio::test]
async fn a_rating_by_another_is_not_kept() {
    let folder = TempDir::new().unwrap();
    let sqlite = format!("sqlite://{}/threads.db", folder.path().display());
    for url in [Some(sqlite), postgres::database().await].into_iter().flatten() {
        let store = stores::store(&url).await;
        let [mine, other, _] = owners();
        let thread = owned(&mine);
        let first = said(&thread, 0);
        let item = first.item.as_ref().unwrap().id.clone();
        create(&*store, &thread, first).await;
        let mut counts = Vec::new();
        for owner in [&other, &mine] {
            store.rate(owner, &thread.id, from_ref(&item), Rating::Positive).await.unwrap();
            let pool = AnyPool::connect(&url).await.unwrap();
            let count = query_scalar::<_, i64>("SELECT COUNT(*) FROM ratings");
            counts.push(count.fetch_one(&pool).await.unwrap());
        }
        assert_eq!(counts, [0, 1]);
    }
}
