//! SQLite: rows that come at the same time.

use std::path::{Path, PathBuf};
use std::time::Duration;

use futures::future::join_all;
use futures::poll;
use orchestrator::chat::{Closing, Known, NewEffect};
use orchestrator::domain::{ItemId, Owner, Thread};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{Connection, SqliteConnection, query, query_scalar};
use tempfile::TempDir;
use tokio::pin;
use tokio::time::timeout;

use super::{note, opening, store, thread};

const PATIENCE: Duration = Duration::from_secs(20);

#[tokio::test]
async fn turns_that_begin_or_end_at_the_same_time_share_a_commit() {
    let folder = TempDir::new().unwrap();
    let (store, threads) = (store(&url(&folder), PATIENCE).await.store, threads(8));
    let one_more = thread();
    store.create(&one_more, opening(&one_more)).await.unwrap();
    let before = commits(&file(&folder));

    let begun = join_all(threads.iter().map(|thread| store.create(thread, opening(thread)))).await;
    let after_the_beginnings = commits(&file(&folder));
    let leases: Vec<_> = begun.into_iter().map(|lease| lease.unwrap().unwrap()).collect();
    let added = join_all(leases.iter().map(|lease| store.add(lease, note("x")))).await;
    let after_the_notes = commits(&file(&folder));
    let ended = join_all(leases.iter().map(|lease| {
        let last = Some(note("y"));
        store.end(lease, Closing { last, ..Closing::default() })
    }));
    let ended = ended.await;

    assert!(added.iter().chain(&ended).all(Result::is_ok), "{added:?} {ended:?}");
    let after = [after_the_beginnings, after_the_notes, commits(&file(&folder))];
    assert_eq!(after.map(|after| after - before), [1, 2, 3]);
    for thread in &threads {
        assert_eq!(store.transcript(&thread.id, 9).await.unwrap().len(), 2);
    }
}

#[tokio::test]
async fn a_row_that_is_refused_takes_no_other_with_it() {
    let folder = TempDir::new().unwrap();
    let (store, threads) = (store(&url(&folder), PATIENCE).await.store, threads(8));
    let refuse = format!(
        "CREATE TRIGGER refuse BEFORE INSERT ON threads WHEN NEW.id = '{}' \
         BEGIN SELECT RAISE(ABORT, 'not this one'); END",
        threads[5].id
    );
    query(sqlx::AssertSqlSafe(refuse)).execute(&mut other(&folder).await).await.unwrap();

    let begun = join_all(threads.iter().map(|thread| store.create(thread, opening(thread)))).await;

    let refused = begun.iter().map(Result::is_err).collect::<Vec<_>>();
    assert_eq!(refused, (0..8).map(|place| place == 5).collect::<Vec<_>>());
    for (thread, begun) in threads.iter().zip(begun) {
        assert_eq!(
            store.find(&Owner::anyone(), &thread.id).await.unwrap().is_some(),
            begun.is_ok()
        );
    }
}

#[tokio::test]
async fn a_row_that_is_refused_alone_is_tried_as_often_as_the_guard_says() {
    let folder = TempDir::new().unwrap();
    let (store, thread) = (store(&url(&folder), PATIENCE).await.store, thread());
    let mut other = other(&folder).await;
    // FAIL, unlike ABORT, leaves what the trigger wrote.
    for change in [
        "CREATE TABLE tries (number INTEGER)",
        "CREATE TRIGGER refuse BEFORE INSERT ON threads \
         BEGIN INSERT INTO tries VALUES (1); SELECT RAISE(FAIL, 'no'); END",
    ] {
        query(change).execute(&mut other).await.unwrap();
    }

    assert!(store.create(&thread, opening(&thread)).await.is_err());

    let tries = query_scalar::<_, i64>("SELECT COUNT(*) FROM tries");
    assert_eq!(tries.fetch_one(&mut other).await.unwrap(), 3, "once, and two retries");
}

#[tokio::test]
async fn what_nobody_waits_for_any_more_is_not_written() {
    let folder = TempDir::new().unwrap();
    let (store, threads) = (store(&url(&folder), PATIENCE).await.store, threads(3));
    let mut other = other(&folder).await;
    query("BEGIN IMMEDIATE").execute(&mut other).await.unwrap();
    {
        let begun = store.create(&threads[0], opening(&threads[0]));
        pin!(begun);
        assert!(poll!(&mut begun).is_pending());
    }

    let patient = store.create(&threads[1], opening(&threads[1]));
    pin!(patient);
    assert!(poll!(&mut patient).is_pending());
    query("ROLLBACK").execute(&mut other).await.unwrap();
    patient.await.unwrap();
    store.create(&threads[2], opening(&threads[2])).await.unwrap();

    let mut found = Vec::new();
    for thread in &threads {
        found.push(store.find(&Owner::anyone(), &thread.id).await.unwrap().is_some());
    }
    assert_eq!(found, [false, true, true]);
}

/// A turn is polled by its reader, who may take nothing for a while.
#[tokio::test]
async fn whoever_does_not_hear_that_its_row_was_written_holds_nobody_up() {
    let folder = TempDir::new().unwrap();
    let (store, threads) = (store(&url(&folder), PATIENCE).await.store, threads(2));
    let unheard = store.create(&threads[0], opening(&threads[0]));
    pin!(unheard);
    assert!(poll!(&mut unheard).is_pending());

    let heard = timeout(PATIENCE / 4, store.create(&threads[1], opening(&threads[1]))).await;

    assert!(heard.expect("in time").is_ok_and(|lease| lease.is_some()));
    assert!(unheard.await.is_ok_and(|lease| lease.is_some()));
}

/// The same for what is not written in batches: the intent of a call, say.
#[tokio::test]
async fn whoever_does_not_hear_that_its_call_may_be_made_holds_nobody_up() {
    let folder = TempDir::new().unwrap();
    let (store, threads) = (store(&url(&folder), PATIENCE).await.store, threads(2));
    let lease = store.create(&threads[0], opening(&threads[0])).await.unwrap().unwrap();
    let effect = NewEffect {
        root: ItemId::from("msg_1"),
        key: "key".to_owned(),
        tool: "tool".to_owned(),
        arguments: "{}".to_owned(),
    };
    let unheard = store.intend(&lease, &effect);
    pin!(unheard);
    assert!(poll!(&mut unheard).is_pending());

    let heard = timeout(PATIENCE / 4, store.create(&threads[1], opening(&threads[1]))).await;

    assert!(heard.expect("in time").is_ok_and(|lease| lease.is_some()));
    assert!(matches!(unheard.await, Ok(Known::New)));
}

fn threads(count: usize) -> Vec<Thread> {
    (0..count).map(|_| thread()).collect()
}

fn file(folder: &TempDir) -> PathBuf {
    folder.path().join("threads.db")
}

fn url(folder: &TempDir) -> String {
    format!("sqlite://{}", file(folder).display())
}

async fn other(folder: &TempDir) -> SqliteConnection {
    let options = SqliteConnectOptions::new().filename(file(folder));
    SqliteConnection::connect_with(&options).await.unwrap()
}

/// How many commits the log of a database holds: frames that say how large the file is after them.
fn commits(file: &Path) -> usize {
    let log = std::fs::read(file.with_extension("db-wal")).unwrap();
    let number = |at: usize| u32::from_be_bytes(log[at..at + 4].try_into().unwrap());
    let page = number(8) as usize;
    (32..log.len()).step_by(24 + page).filter(|frame| number(frame + 4) > 0).count()
}
