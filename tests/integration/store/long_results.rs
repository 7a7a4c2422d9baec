//! Long results as rows: how many there are, and how they go with time (ADR 48).

use std::time::Duration;

use orchestrator::chat::{LongResult, MAX_KEPT_RESULTS, PageRange, Resource};
use orchestrator::domain::Owner;
use sqlx::{AnyConnection, Connection, Executor, query_scalar};
use tempfile::TempDir;

use super::{opening, store, thread};
use crate::support::postgres;

const PATIENCE: Duration = Duration::from_secs(20);

const ALL: PageRange = PageRange { first: 1, count: 100 };

#[tokio::test]
async fn rows_stay_few_and_go_with_their_day_and_their_thread() {
    sqlx::any::install_default_drivers();
    let folder = TempDir::new().unwrap();
    let sqlite = format!("sqlite://{}/threads.db", folder.path().display());
    for url in [Some(sqlite), postgres::database().await].into_iter().flatten() {
        let store = store(&url, PATIENCE).await.store;
        let (old, new) = (thread(), thread());
        let of_old = store.create(&old, opening(&old)).await.unwrap().unwrap();
        let of_new = store.create(&new, opening(&new)).await.unwrap().unwrap();
        for number in 0..100 {
            store.keep(&of_old, &result(&number.to_string())).await.unwrap();
        }
        let mut connection = AnyConnection::connect(&url).await.unwrap();
        let kept = rows(&mut connection).await;
        let age = "UPDATE result_pages SET kept_at = kept_at - 86400001";
        connection.execute(age).await.unwrap();
        let newest = store.pages(&Resource::from(&old.id), &"99".into(), ALL).await.unwrap();
        assert!(newest.is_empty(), "{url}: too old to be found, and not swept yet");

        // Each swept some: all that are a day old are gone after a few.
        for number in 0..3 {
            store.keep(&of_new, &result(&number.to_string())).await.unwrap();
        }

        let gone = store.pages(&Resource::from(&old.id), &"99".into(), ALL).await.unwrap();
        let (pages, left) = (result("x").pages.len(), rows(&mut connection).await);
        assert_eq!(kept, MAX_KEPT_RESULTS * pages, "{url}");
        assert!(gone.is_empty(), "{url}");
        assert_eq!(left, 3 * pages, "{url}");
        assert!(store.delete(&Owner::anyone(), &new.id).await.unwrap());
        assert_eq!(rows(&mut connection).await, 0, "{url}");
    }
}

#[tokio::test]
async fn a_result_is_kept_although_no_room_could_be_made() {
    sqlx::any::install_default_drivers();
    let folder = TempDir::new().unwrap();
    let url = format!("sqlite://{}/threads.db", folder.path().display());
    let store = store(&url, PATIENCE).await.store;
    let thread = thread();
    let lease = store.create(&thread, opening(&thread)).await.unwrap().unwrap();
    let mut connection = AnyConnection::connect(&url).await.unwrap();
    let fails = "CREATE TRIGGER full BEFORE DELETE ON result_pages \
                 BEGIN SELECT RAISE(ABORT, 'no deleting now'); END";
    connection.execute(fails).await.unwrap();
    store.keep(&lease, &result("a")).await.unwrap();

    // What it had more is to be deleted.
    let shorter = LongResult { pages: vec!["one".to_owned()], ..result("a") };
    let kept = store.keep(&lease, &shorter).await;

    let pages = store.pages(&Resource::from(&thread.id), &"a".into(), ALL).await.unwrap();
    assert!(kept.is_ok(), "{kept:?}");
    assert_eq!(pages[0].pages, 1);
}

async fn rows(connection: &mut AnyConnection) -> usize {
    let rows = query_scalar("SELECT COUNT(*) FROM result_pages").fetch_one(connection).await;
    usize::try_from(rows.unwrap_or(-1_i64)).unwrap()
}

fn result(id: &str) -> LongResult {
    let pages = ["one", "two", "three"].map(str::to_owned).to_vec();
    LongResult { id: id.into(), origin: None, pages }
}
