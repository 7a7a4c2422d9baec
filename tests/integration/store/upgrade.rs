//! A database of the version before: what was kept is found again by what looks for it now.

use std::borrow::Cow;
use std::path::Path;

use orchestrator::chat::{Beginning, Claim, Entry, Held, Resource, Store};
use orchestrator::domain::{ItemId, Message, Order, Outcome, Owner, PageRequest, ThreadId};
use sqlx::migrate::Migrator;
use sqlx::{AnyConnection, AssertSqlSafe, Connection, Executor, query_scalar};
use tempfile::TempDir;

use super::store;
use crate::support::postgres;

/// The last migration of the version before.
const BEFORE: i64 = 5;

const PATIENCE: std::time::Duration = std::time::Duration::from_secs(20);

/// A message, two forms that were asked for it one after the other, and what was done after each.
const ROWS: &[&str] = &[
    "INSERT INTO threads (id, title, status, created_at, epoch, held_until) \
     VALUES ('thr_1', NULL, '{\"type\":\"active\"}', 1, 3, 0), \
     ('thr_2', NULL, '{\"type\":\"active\"}', 2, 1, 1)",
    "INSERT INTO entries (thread_id, seq, id, turn, item, message) VALUES \
     ('thr_1', 1, 'msg_1', 'msg_1', ITEM('msg_1'), NULL), \
     ('thr_1', 2, 'inp_1', 'msg_1', ITEM('inp_1'), NULL), \
     ('thr_1', 3, 'a', 'inp_1', NULL, NOTE('after the first')), \
     ('thr_1', 4, 'inp_2', 'inp_1', ITEM('inp_2'), NULL), \
     ('thr_1', 5, 'b', 'inp_2', NULL, NOTE('after the second')), \
     ('thr_2', 1, 'msg_2', 'msg_2', ITEM('msg_2'), NULL)",
    "INSERT INTO effects (thread_id, turn, key, seq, tool, arguments, output) VALUES \
     ('thr_1', 'msg_1', 'k0', 1, 'add', '{}', 'done'), \
     ('thr_1', 'inp_1', 'k1', 1, 'add', '{}', NULL), \
     ('thr_1', 'inp_2', 'k2', 1, 'add', '{}', 'done')",
    "INSERT INTO receipts (key, turn, receipt, received_at) VALUES \
     ('key:done', 'msg_1', RECEIPT('thr_1', 'msg_1', END), (SELECT ms FROM clock)), \
     ('key:died', 'try', RECEIPT('thr_2', 'msg_2', null), (SELECT ms FROM clock)), \
     ('key:gone', 'try', RECEIPT('thr_nowhere', 'msg_3', null), (SELECT ms FROM clock))",
];

#[tokio::test]
async fn what_an_older_version_kept_is_found_by_the_message_it_was_for() {
    sqlx::any::install_default_drivers();
    let folder = TempDir::new().unwrap();
    let sqlite = format!("sqlite://{}/threads.db?mode=rwc", folder.path().display());
    for url in [Some(sqlite), postgres::database().await].into_iter().flatten() {
        fill(&url).await;

        let store = store(url.trim_end_matches("?mode=rwc"), PATIENCE).await.store;

        let (thread, root) = (ThreadId::from("thr_1"), ItemId::from("msg_1"));
        let turn = store.turn(&thread, &root).await.unwrap();
        assert_eq!(turn.len(), 5, "{turn:?}");
        let effects = store.effects(&Resource::from(&thread), &root).await.unwrap();
        let keys: Vec<_> = effects.iter().map(|done| done.effect.key.as_str()).collect();
        assert_eq!(keys, ["k0", "k1", "k2"]);
        let done = store.received("key:done").await.unwrap().unwrap();
        let end = done.end.unwrap().ending;
        assert_eq!(
            (end.outcome, end.is_final, end.spend.usage.total()),
            (Outcome::Completed, true, 9)
        );
        assert!(done.is_newest && done.receipt.is_new && done.receipt.body == "digest");
        let died = store.received("key:died").await.unwrap().unwrap();
        assert!(died.end.is_none() && matches!(died.held, Held::FellSilent(_)));
        assert_eq!(store.received("key:gone").await.unwrap(), None);
        let Claim::Held(lease) =
            store.claim(&Owner::anyone(), &Resource::from(&thread)).await.unwrap()
        else {
            panic!()
        };
        assert_eq!(lease.epoch, 4);
        is_of_anyone(&*store, &thread).await;
        store.begin(&lease, next(&root)).await.unwrap();
        let used = store.usage(&Owner::anyone(), 92).await.unwrap();
        assert_eq!(used, [], "what a turn of before has cost is not known, and not counted");
    }
}

fn next(root: &ItemId) -> Beginning {
    let said = Message::Note { text: "next".to_owned() };
    let entry = Entry { root: root.clone(), item: None, message: Some(said) };
    let (attempt, entries) = ("next".to_owned(), vec![entry]);
    Beginning { attempt, rewind_to: None, entries, receipt: None, granted: None }
}

/// What nobody owned is found by those who come without a name, and by nobody else.
async fn is_of_anyone(store: &dyn Store, thread: &ThreadId) {
    let page = PageRequest { limit: 9, order: Order::Asc, after: None };
    for (owner, count) in [(Owner::anyone(), 2), (Owner::user("", "anyone").unwrap(), 0)] {
        assert_eq!(store.list(&owner, &page).await.unwrap().data.len(), count);
        assert_eq!(store.find(&owner, thread).await.unwrap().is_some(), count > 0);
        assert_eq!(store.items(&owner, thread, &page).await.unwrap().data.is_empty(), count == 0);
    }
}

/// The list in `store::migrations` is written by hand.
#[tokio::test]
async fn every_file_of_a_migration_is_applied() {
    sqlx::any::install_default_drivers();
    let folder = TempDir::new().unwrap();
    let sqlite = format!("sqlite://{}/threads.db", folder.path().display());
    for url in [Some(sqlite), postgres::database().await].into_iter().flatten() {
        let store = store(&url, PATIENCE).await.store;
        assert_eq!(store.find(&Owner::anyone(), &ThreadId::from("thr_1")).await.unwrap(), None);

        let mut database = AnyConnection::connect(&url).await.unwrap();
        let applied = "SELECT checksum FROM _thread_migrations ORDER BY version";
        let applied: Vec<Vec<u8>> = query_scalar(applied).fetch_all(&mut database).await.unwrap();

        let files: Vec<_> = files(&url).await.iter().map(|file| file.checksum.to_vec()).collect();
        assert_eq!(applied, files);
    }
}

async fn files(url: &str) -> Migrator {
    let dialect = if url.starts_with("sqlite") { "sqlite" } else { "postgres" };
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/store/migrations").join(dialect);
    Migrator::new(folder).await.unwrap()
}

/// The tables of the version before, and rows as it wrote them.
async fn fill(url: &str) {
    let mut database = AnyConnection::connect(url).await.unwrap();
    let mut before = files(url).await;
    let earlier = before.migrations.iter().filter(|one| one.version <= BEFORE);
    before.migrations = Cow::Owned(earlier.cloned().collect());
    before.dangerous_set_table_name("_thread_migrations");
    before.run_direct(None, &mut database, false).await.unwrap();
    for rows in ROWS {
        database.execute(AssertSqlSafe(spelled_out(rows))).await.unwrap();
    }
}

fn spelled_out(rows: &str) -> String {
    let item = r#"'{"id":"$1","thread_id":"thr_1","created_at":"2026-01-01T00:00:00Z","type":"end_of_turn"}'"#;
    let note = r#"'{"role":"note","text":"$1"}'"#;
    let receipt = r#"'{"key":"k","body":"digest","request":"r","thread":"$1","turn":"$2","is_new":true,"end":$3}'"#;
    let end = r#"{"at":"2026-01-01T00:00:00Z","turn":{"thread":"thr_1","outcome":"completed","told":null,"text":"Secret.","tool_calls":[],"spend":{"input_tokens":9,"output_tokens":0,"thinking_tokens":0}}}"#;
    let mut text = rows.replace("END", end);
    for (name, form) in [("ITEM(", item), ("NOTE(", note), ("RECEIPT(", receipt)] {
        while let Some(start) = text.find(name) {
            let rest = &text[start + name.len()..];
            let (arguments, after) = rest.split_at(rest.find(')').unwrap());
            let arguments = arguments.splitn(3, ", ").map(|one| one.trim_matches('\''));
            let filled = arguments.zip(1..).fold(form.to_owned(), |form, (argument, n)| {
                form.replace(&format!("${n}"), argument)
            });
            text = text[..start].to_owned() + &filled + &after[1..];
        }
    }
    text
}
