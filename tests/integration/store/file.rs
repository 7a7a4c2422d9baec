//! SQLite: the file.

use std::time::Duration;

use orchestrator::chat::ThreadsError;
use orchestrator::domain::{BreakerState, Owner};
use orchestrator::store::{OpenError, open};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode};
use sqlx::{Connection, Executor, SqliteConnection};
use tempfile::TempDir;
use tokio::join;
use tokio::time::timeout;

use super::{held, note, opening, page, settings, store, thread};

const PATIENCE: Duration = Duration::from_secs(20);

#[tokio::test]
async fn a_path_with_spaces_and_percent_signs_is_one_path() {
    let folder = TempDir::new().unwrap();
    let url = format!("sqlite://{}/my%20data/threads.db", folder.path().display());

    store(&url, PATIENCE).await;

    assert!(folder.path().join("my data/threads.db").is_file());
}

#[tokio::test]
async fn two_processes_share_a_file_from_its_first_moment() {
    let folder = TempDir::new().unwrap();
    let url = format!("sqlite://{}/threads.db", folder.path().display());
    let thread = thread();

    let (one, other) = join!(store(&url, PATIENCE), store(&url, PATIENCE));
    one.store.create(&thread, opening(&thread)).await.unwrap();
    let lease = held(&thread);
    let adds = (0..20).map(|n| {
        let store = if n % 2 == 0 { &one } else { &other };
        store.store.add(&lease, note("x"))
    });
    let added = futures::future::join_all(adds).await;

    assert!(added.iter().all(Result::is_ok), "{added:?}");
    assert_eq!(other.store.transcript(&thread.id, 100).await.unwrap().len(), 20);
}

#[tokio::test]
async fn a_start_does_not_wait_until_another_process_has_prepared_the_file() {
    let folder = TempDir::new().unwrap();
    let url = format!("sqlite://{}/threads.db", folder.path().display());
    let limit = Duration::from_millis(300);
    let file = SqliteConnectOptions::new().filename(folder.path().join("threads.db"));
    let file = file.create_if_missing(true).journal_mode(SqliteJournalMode::Wal);
    let mut other = SqliteConnection::connect_with(&file).await.unwrap();
    other.execute("BEGIN IMMEDIATE; CREATE TABLE slow (x)").await.unwrap();

    let store = timeout(PATIENCE, open(&settings(&url, limit))).await.unwrap().unwrap().store;
    let meanwhile = store.find(&Owner::anyone(), &thread().id).await;
    other.execute("COMMIT").await.unwrap();

    assert!(matches!(meanwhile, Err(ThreadsError::Preparing)), "{meanwhile:?}");
    let prepared = async {
        while let Err(error) = store.find(&Owner::anyone(), &thread().id).await {
            assert!(matches!(error, ThreadsError::Preparing), "{error:?}");
        }
    };
    timeout(PATIENCE, prepared).await.unwrap();
}

#[tokio::test]
async fn nothing_is_kept_in_a_file_that_was_removed_or_replaced() {
    for replaced in [false, true] {
        let folder = TempDir::new().unwrap();
        let (path, aside) = (folder.path().join("threads.db"), folder.path().join("aside.db"));
        let store = store(&format!("sqlite://{}", path.display()), PATIENCE).await;
        let [known, new] = [thread(), thread()];
        store.store.create(&known, opening(&known)).await.unwrap();
        let health = || store.health.as_ref().unwrap().report().remove(0).breaker.state;
        assert_eq!(health(), BreakerState::Closed);

        std::fs::rename(&path, &aside).unwrap();
        if replaced {
            std::fs::copy(&aside, &path).unwrap();
        }

        assert_eq!(health(), BreakerState::Open, "before anybody calls");
        let kept = store.store.add(&held(&known), note("x")).await;
        assert!(matches!(kept, Err(ThreadsError::Unavailable(_))), "{kept:?}");
        assert!(store.store.create(&new, opening(&new)).await.is_err());
        assert!(store.store.find(&Owner::anyone(), &known.id).await.is_err());

        std::fs::rename(&aside, &path).unwrap();

        assert_eq!(health(), BreakerState::Closed);
        assert!(store.store.find(&Owner::anyone(), &known.id).await.unwrap().is_some());
    }
}

#[tokio::test]
async fn the_longest_page_comes_whole() {
    let folder = TempDir::new().unwrap();
    let url = format!("sqlite://{}/threads.db", folder.path().display());
    let (store, thread) = (store(&url, PATIENCE).await.store, thread());
    store.create(&thread, opening(&thread)).await.unwrap();
    for _ in 0..300 {
        store.add(&held(&thread), opening(&thread).entries.remove(0)).await.unwrap();
    }

    let all = store.items(&Owner::anyone(), &thread.id, &page(9_999)).await.unwrap();
    let most = store.items(&Owner::anyone(), &thread.id, &page(300)).await.unwrap();

    assert_eq!((all.data.len(), all.has_more), (301, false));
    assert_eq!((most.data.len(), most.has_more), (300, true));
}

#[tokio::test]
async fn sqlite_without_a_file_is_refused() {
    for url in ["sqlite::memory:", "sqlite://x?mode=memory"] {
        let refused = open(&settings(url, PATIENCE)).await.err().unwrap();

        assert!(matches!(refused, OpenError::NoFile), "{refused}");
    }
}

#[tokio::test]
async fn what_is_no_database_of_ours_is_refused() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("letter.txt");
    std::fs::write(&path, "Dear reader, this is not a database at all. ".repeat(99)).unwrap();

    let refused = open(&settings(&format!("sqlite://{}", path.display()), PATIENCE)).await;

    assert!(matches!(refused.err().unwrap(), OpenError::File(_)));
    for url in ["mysql://geheim@host/x", "nonsense", "postgres://u:geheim@host:port/x", "sqlite"] {
        let told = open(&settings(url, PATIENCE)).await.err().unwrap();
        let told = format!("{:#}", anyhow::Error::new(told));
        assert!(!told.contains("geheim"), "{told}");
    }
}
