//! One contract for every store of threads: memory, SQLite and PostgreSQL.

use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use orchestrator::chat::{Beginning, Entry, Lease, Resource, Store, ThreadsError};
use orchestrator::domain::{
    Assistant, Item, Message, Order, Owner, PageRequest, Thread, ThreadId, ThreadStatus,
};
use orchestrator::store::{Settings, open};
use serde_json::json;
use tempfile::TempDir;

use super::stores::{create, held, message, number, page, said, settings, store, text, thread};

contract!(
    what_was_kept_is_found_again,
    nothing_is_found_that_was_not_kept,
    items_keep_their_order_and_their_bytes,
    pages_cover_everything_once_in_both_orders,
    a_page_of_items_ends_where_it_is_large_enough,
    an_unknown_cursor_is_told,
    the_transcript_is_the_newest_messages_oldest_first,
    a_transcript_begins_where_it_is_large_enough,
    many_writers_at_once_lose_nothing,
    entries_without_an_item_or_a_message_are_not_listed_there,
    an_item_kept_again_is_replaced_where_it_stands,
    threads_of_one_moment_are_paged_once_each,
    ids_that_nobody_could_have_given_are_merely_unknown,
    what_is_approved_for_a_thread_is_kept_with_what_the_turn_begins_with,
);

async fn what_was_kept_is_found_again(store: Arc<dyn Store>) {
    let reason = Some("Escalated".to_owned());
    let thread =
        Thread { title: Some("Ä".into()), status: ThreadStatus::Locked { reason }, ..thread() };

    create(&*store, &thread, said(&thread, 0)).await;

    assert_eq!(store.find(&Owner::anyone(), &thread.id).await.unwrap(), Some(thread));
}

async fn nothing_is_found_that_was_not_kept(store: Arc<dyn Store>) {
    let nowhere = ThreadId::from("thr_nowhere");

    assert_eq!(store.find(&Owner::anyone(), &nowhere).await.unwrap(), None);
    assert_eq!(
        store.items(&Owner::anyone(), &nowhere, &page(10, Order::Asc)).await.unwrap().data,
        []
    );
    assert_eq!(store.transcript(&nowhere, 10).await.unwrap(), []);
    assert!(
        store
            .add(&Lease { resource: Resource::from(&nowhere), epoch: 1 }, said(&thread(), 0))
            .await
            .is_err()
    );
}

async fn items_keep_their_order_and_their_bytes(store: Arc<dyn Store>) {
    let thread = thread();
    let entries: Vec<_> = (0..5).map(|n| said(&thread, n)).collect();
    create(&*store, &thread, entries[0].clone()).await;
    for entry in &entries[1..] {
        store.add(&held(&thread), entry.clone()).await.unwrap();
    }

    let listed =
        store.items(&Owner::anyone(), &thread.id, &page(10, Order::Asc)).await.unwrap().data;

    let bytes = |item: &Item| serde_json::to_string(item).unwrap();
    let kept: Vec<_> = entries.iter().map(|entry| bytes(entry.item.as_ref().unwrap())).collect();
    assert_eq!(listed.iter().map(bytes).collect::<Vec<_>>(), kept);
}

async fn pages_cover_everything_once_in_both_orders(store: Arc<dyn Store>) {
    let thread = thread();
    create(&*store, &thread, said(&thread, 0)).await;
    for n in 1..7 {
        store.add(&held(&thread), said(&thread, n)).await.unwrap();
    }

    for (order, expected) in
        [(Order::Asc, [0, 1, 2, 3, 4, 5, 6]), (Order::Desc, [6, 5, 4, 3, 2, 1, 0])]
    {
        let (mut request, mut seen) = (page(3, order), Vec::new());
        loop {
            let page = store.items(&Owner::anyone(), &thread.id, &request).await.unwrap();
            seen.extend(page.data.iter().map(number));
            assert_eq!(page.has_more, page.after.is_some());
            if !page.has_more {
                break;
            }
            request.after = page.after;
        }
        assert_eq!(seen, expected);
    }
    let threads = store.list(&Owner::anyone(), &page(9_999, Order::Desc)).await.unwrap();
    assert_eq!((threads.data, threads.has_more), (vec![thread], false));
}

async fn a_page_of_items_ends_where_it_is_large_enough(store: Arc<dyn Store>) {
    let thread = thread();
    let large = |size: usize| text(&thread, &"ä".repeat(size / 2));
    let mib = 1 << 20;
    // The last one alone is larger than a page.
    let entries = [mib, 4 * mib, 4 * mib, 3 * mib, 10, 9 * mib].map(large);
    create(&*store, &thread, entries[0].clone()).await;
    for entry in &entries[1..] {
        store.add(&held(&thread), entry.clone()).await.unwrap();
    }

    for (order, expected) in [(Order::Asc, [2, 3, 1]), (Order::Desc, [1, 3, 2])] {
        let (mut request, mut counts, mut ids) = (page(9_999, order), Vec::new(), Vec::new());
        loop {
            let page = store.items(&Owner::anyone(), &thread.id, &request).await.unwrap();
            counts.push(page.data.len());
            ids.extend(page.data.into_iter().map(|item| item.id));
            assert_eq!(page.has_more, page.after.is_some());
            let Some(after) = page.after else { break };
            assert_eq!(after, ids.last().unwrap().as_str());
            request.after = Some(after);
        }
        let mut all = entries.each_ref().map(|entry| entry.item.as_ref().unwrap().id.clone());
        if order == Order::Desc {
            all.reverse();
        }
        assert_eq!((counts, ids), (expected.to_vec(), all.to_vec()));
    }
}

async fn an_unknown_cursor_is_told(store: Arc<dyn Store>) {
    let thread = thread();
    create(&*store, &thread, said(&thread, 0)).await;
    let after = PageRequest { after: Some("msg_nothing".into()), ..page(10, Order::Asc) };

    let items = store.items(&Owner::anyone(), &thread.id, &after).await;
    let threads = store.list(&Owner::anyone(), &after).await;

    assert!(matches!(items, Err(ThreadsError::UnknownCursor)));
    assert!(matches!(threads, Err(ThreadsError::UnknownCursor)));
}

async fn the_transcript_is_the_newest_messages_oldest_first(store: Arc<dyn Store>) {
    let thread = thread();
    create(&*store, &thread, said(&thread, 0)).await;
    for n in 1..5 {
        store.add(&held(&thread), said(&thread, n)).await.unwrap();
    }

    let transcript = store.transcript(&thread.id, 3).await.unwrap();

    assert_eq!(transcript, [2, 3, 4].map(message));
}

/// The model is sent a small part of it, but all of it is read.
async fn a_transcript_begins_where_it_is_large_enough(store: Arc<dyn Store>) {
    let thread = thread();
    let mib = 1 << 20;
    let (all, newest_alone) = ([mib, 4 * mib, 4 * mib, 3 * mib, 10], 9 * mib);
    let entry = |size: usize| {
        let message = Some(Message::User { text: "ä".repeat(size / 2) });
        let entry = text(&thread, "");
        Entry { root: entry.item.as_ref().unwrap().id.clone(), message, ..entry }
    };
    create(&*store, &thread, entry(all[0])).await;
    for size in &all[1..] {
        store.add(&held(&thread), entry(*size)).await.unwrap();
    }
    let sizes = async || {
        let transcript = store.transcript(&thread.id, 100).await.unwrap();
        transcript.iter().map(Message::text_bytes).collect::<Vec<_>>()
    };

    assert_eq!(sizes().await, all[2..], "up to 8 MiB");
    store.add(&held(&thread), entry(newest_alone)).await.unwrap();
    assert_eq!(sizes().await, [newest_alone], "the newest, whatever its size");

    let root = entry(12);
    let of_turn = |size: usize| Entry { root: root.root.clone(), ..entry(size) };
    store.add(&held(&thread), root.clone()).await.unwrap();
    for size in [5 * mib, 5 * mib, 14] {
        store.add(&held(&thread), of_turn(size)).await.unwrap();
    }
    assert_eq!(sizes().await, [12, 5 * mib, 5 * mib, 14], "the newest turn is not torn");

    for _ in 0..2 {
        let extra = Some(json!({ "signature": "s".repeat(5 * mib) }));
        let message = Some(Message::Assistant(Assistant { extra, ..Assistant::default() }));
        store.add(&held(&thread), Entry { message, ..entry(0) }).await.unwrap();
    }
    assert_eq!(sizes().await, [0], "what a provider attached counts as well");
}

async fn many_writers_at_once_lose_nothing(store: Arc<dyn Store>) {
    let thread = thread();
    create(&*store, &thread, said(&thread, 0)).await;

    let lease = held(&thread);
    let adds = (1..50).map(|n| store.add(&lease, said(&thread, n)));
    let added = join_all(adds).await;

    assert!(added.iter().all(Result::is_ok), "{added:?}");
    let listed =
        store.items(&Owner::anyone(), &thread.id, &page(100, Order::Asc)).await.unwrap().data;
    let mut numbers: Vec<_> = listed.iter().map(number).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (0..50).collect::<Vec<_>>());
    assert_eq!(store.transcript(&thread.id, 100).await.unwrap().len(), 50);
}

async fn entries_without_an_item_or_a_message_are_not_listed_there(store: Arc<dyn Store>) {
    let thread = thread();
    create(&*store, &thread, said(&thread, 0)).await;
    let only_message = Entry { item: None, ..said(&thread, 1) };
    let only_item = Entry { message: None, ..said(&thread, 2) };
    store.add(&held(&thread), only_message).await.unwrap();
    store.add(&held(&thread), only_item).await.unwrap();

    let items =
        store.items(&Owner::anyone(), &thread.id, &page(10, Order::Asc)).await.unwrap().data;

    assert_eq!(items.iter().map(number).collect::<Vec<_>>(), [0, 2]);
    assert_eq!(store.transcript(&thread.id, 10).await.unwrap(), [0, 1].map(message));
}

async fn an_item_kept_again_is_replaced_where_it_stands(store: Arc<dyn Store>) {
    let thread = thread();
    let entries: Vec<_> = (0..3).map(|n| said(&thread, n)).collect();
    create(&*store, &thread, entries[0].clone()).await;
    store.add(&held(&thread), entries[1].clone()).await.unwrap();
    store.add(&held(&thread), entries[2].clone()).await.unwrap();

    let mut again = said(&thread, 7);
    again.item.as_mut().unwrap().id = entries[1].item.as_ref().unwrap().id.clone();
    again.message = None;
    store.add(&held(&thread), again).await.unwrap();

    let items =
        store.items(&Owner::anyone(), &thread.id, &page(10, Order::Asc)).await.unwrap().data;
    assert_eq!(items.iter().map(number).collect::<Vec<_>>(), [0, 7, 2]);
    assert_eq!(store.transcript(&thread.id, 10).await.unwrap(), [0, 1, 2].map(message));
}

async fn threads_of_one_moment_are_paged_once_each(store: Arc<dyn Store>) {
    let first = thread();
    let mut ids = vec![first.id.clone()];
    create(&*store, &first, said(&first, 0)).await;
    for _ in 1..5 {
        let next = Thread { id: ThreadId::new_thread(), ..first.clone() };
        create(&*store, &next, said(&next, 0)).await;
        ids.push(next.id);
    }
    ids.sort();

    for order in [Order::Asc, Order::Desc] {
        let (mut request, mut seen) = (page(2, order), Vec::new());
        loop {
            let page = store.list(&Owner::anyone(), &request).await.unwrap();
            seen.extend(page.data.into_iter().map(|thread| thread.id));
            let Some(after) = page.after else { break };
            request.after = Some(after);
        }
        if order == Order::Desc {
            seen.reverse();
        }
        assert_eq!(seen, ids);
    }
}

async fn ids_that_nobody_could_have_given_are_merely_unknown(store: Arc<dyn Store>) {
    for id in ["", "a\0b", "'; DROP TABLE threads; --", &"x".repeat(100_000)] {
        let nowhere = ThreadId::from(id);
        let after = PageRequest { after: Some(id.to_owned()), ..page(10, Order::Asc) };

        assert_eq!(store.find(&Owner::anyone(), &nowhere).await.unwrap(), None);
        assert_eq!(
            store.items(&Owner::anyone(), &nowhere, &page(10, Order::Asc)).await.unwrap().data,
            []
        );
        assert_eq!(store.transcript(&nowhere, 10).await.unwrap(), []);
        assert!(matches!(
            store.list(&Owner::anyone(), &after).await,
            Err(ThreadsError::UnknownCursor)
        ));
        assert!(matches!(
            store.items(&Owner::anyone(), &nowhere, &after).await,
            Err(ThreadsError::UnknownCursor)
        ));
    }
}

#[tokio::test]
async fn what_a_file_holds_is_there_after_it_is_opened_again() {
    let folder = TempDir::new().unwrap();
    let url = format!("sqlite://{}/threads.db", folder.path().display());
    let thread = thread();
    create(&*store(&url).await, &thread, said(&thread, 0)).await;

    let found = store(&url).await.find(&Owner::anyone(), &thread.id).await.unwrap();

    assert_eq!(found, Some(thread));
}

#[tokio::test]
async fn a_server_that_is_down_at_the_start_refuses_calls_and_not_the_start() {
    let url = "postgres://nobody@127.0.0.1:9/nothing";
    let settings = Settings { timeout: Duration::from_millis(300), ..settings(url) };
    let store = open(&settings).await.unwrap().store;

    let found = store.find(&Owner::anyone(), &ThreadId::from("thr_1")).await;

    assert!(matches!(found, Err(ThreadsError::Unavailable(Some(_)))));
}

#[tokio::test]
async fn a_file_that_cannot_be_made_is_told_without_its_url() {
    let refused = open(&settings("sqlite:///proc/geheim/threads.db")).await;

    let told = refused.err().unwrap().to_string();
    assert!(told.contains("cannot be created") && !told.contains("geheim"), "{told}");
}

#[tokio::test]
async fn a_long_thread_is_paged_by_its_index() {
    let folder = TempDir::new().unwrap();
    let url = format!("sqlite://{}/threads.db", folder.path().display());
    drop(store(&url).await);
    sqlx::any::install_default_drivers();
    let pool = sqlx::AnyPool::connect(&url).await.unwrap();

    for sql in [
        "EXPLAIN QUERY PLAN SELECT item FROM entries WHERE thread_id = (SELECT t.id FROM threads AS t WHERE t.id = 'a' AND t.owner = 'b') AND seq < 9 AND item IS NOT NULL ORDER BY seq DESC LIMIT 21",
        "EXPLAIN QUERY PLAN SELECT id FROM threads WHERE owner = 'b' AND (created_at, id) < (9, '') ORDER BY created_at DESC, id DESC LIMIT 21",
    ] {
        let rows = sqlx::query(sql).fetch_all(&pool).await.unwrap();
        let plan: Vec<String> = rows.iter().map(|row| sqlx::Row::get(row, "detail")).collect();
        assert!(
            plan.iter().all(|step| step.starts_with("SEARCH") || step.starts_with("SCALAR")),
            "{plan:?}"
        );
    }
}

async fn what_is_approved_for_a_thread_is_kept_with_what_the_turn_begins_with(
    store: Arc<dyn Store>,
) {
    let (thread, other) = (thread(), thread());
    create(&*store, &thread, said(&thread, 0)).await;
    create(&*store, &other, said(&other, 0)).await;
    let granted = |tools: &[&str]| Some(tools.iter().map(ToString::to_string).collect::<Vec<_>>());
    let beginning = |n: u32, granted: Option<Vec<String>>| Beginning {
        attempt: format!("try {n}"),
        rewind_to: None,
        entries: vec![said(&thread, n)],
        receipt: None,
        granted,
    };
    let found = async || store.find(&Owner::anyone(), &thread.id).await.unwrap().unwrap().granted;

    store.begin(&held(&thread), beginning(1, granted(&["a"]))).await.unwrap();
    store.begin(&held(&thread), beginning(2, None)).await.unwrap();
    let once = found().await;
    store.begin(&held(&thread), beginning(3, granted(&["a", "b"]))).await.unwrap();
    let stale = Lease { epoch: 7, ..held(&thread) };
    let refused = store.begin(&stale, beginning(4, granted(&["c"]))).await;

    assert_eq!(once, ["a"]);
    assert!(matches!(refused, Err(ThreadsError::Lost)), "{refused:?}");
    assert_eq!(found().await, ["a", "b"]);
    let untouched = store.find(&Owner::anyone(), &other.id).await.unwrap().unwrap();
    assert!(untouched.granted.is_empty());
    let items = store.items(&Owner::anyone(), &thread.id, &page(10, Order::Asc)).await.unwrap();
    assert_eq!(items.data.len(), 4);
}
