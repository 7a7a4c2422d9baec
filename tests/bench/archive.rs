//! A database with a long past, written directly, and how long a server takes to look into it.

use std::path::Path;
use std::time::Duration;

use reqwest::{Client, RequestBuilder};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Executor};
use tokio::time::Instant;

pub(crate) const THREADS: u32 = 10_000;
pub(crate) const ITEMS: u32 = 50;
pub(crate) const LONG: u32 = 5_000;

/// The first thread has [`LONG`] items, the others have [`ITEMS`] each.
const LONG_THREAD: u32 = 1;

/// Writes all threads in one transaction into the tables that a server has made.
pub(crate) async fn fill(database: &Path) {
    let mut file = SqliteConnectOptions::new().filename(database).connect().await.unwrap();
    let mut all = file.begin().await.unwrap();
    all.execute(AssertSqlSafe(threads())).await.unwrap();
    all.execute("INSERT INTO leases SELECT id, 0, 0, '' FROM threads").await.unwrap();
    all.execute(AssertSqlSafe(entries(THREADS, 1, ITEMS))).await.unwrap();
    all.execute(AssertSqlSafe(entries(LONG_THREAD, ITEMS + 1, LONG))).await.unwrap();
    all.commit().await.unwrap();
    file.execute("PRAGMA wal_checkpoint(TRUNCATE)").await.unwrap();
    file.close().await.unwrap();
}

/// How long each of so many requests took, to the end of the answer.
pub(crate) async fn whole(count: u32, make: impl Fn(u32) -> RequestBuilder) -> Vec<Duration> {
    let mut times = Vec::new();
    for number in 0..count {
        let begun = Instant::now();
        let answer = make(number).send().await.unwrap().error_for_status().unwrap();
        assert!(answer.text().await.unwrap().contains(r#""data":[{"#), "an empty list");
        times.push(begun.elapsed());
    }
    times
}

/// How long each of so many streams took to its first piece; each is read to its end.
pub(crate) async fn first_events(count: u32, make: impl Fn() -> RequestBuilder) -> Vec<Duration> {
    let mut times = Vec::new();
    for _ in 0..count {
        let begun = Instant::now();
        let mut answer = make().send().await.unwrap().error_for_status().unwrap();
        let first = answer.chunk().await.unwrap().unwrap();
        times.push(begun.elapsed());
        assert!(first.starts_with(br#"data: {"type":"thread.item.done""#), "another first event");
        while answer.chunk().await.unwrap().is_some() {}
    }
    times
}

/// A page of the list of threads, each time from another place.
pub(crate) fn list_threads(client: &Client, url: &str, number: u32) -> RequestBuilder {
    let after = thread(2 + spread(number));
    post(client, url, format!(r#"{{"type":"threads.list","params":{{"after":"{after}"}}}}"#))
}

/// All items of a thread, each time of another.
pub(crate) fn list_items(client: &Client, url: &str, number: u32) -> RequestBuilder {
    let thread = thread(2 + spread(number));
    let params = format!(r#"{{"thread_id":"{thread}","limit":{ITEMS}}}"#);
    post(client, url, format!(r#"{{"type":"items.list","params":{params}}}"#))
}

/// One more message in the long thread.
pub(crate) fn add_message(client: &Client, url: &str) -> RequestBuilder {
    let content = r#"[{"type":"input_text","text":"Say something."}]"#;
    let input = format!(r#"{{"content":{content},"attachments":[],"inference_options":{{}}}}"#);
    let params = format!(r#"{{"thread_id":"{}","input":{input}}}"#, thread(LONG_THREAD));
    post(client, url, format!(r#"{{"type":"threads.add_user_message","params":{params}}}"#))
}

fn post(client: &Client, url: &str, body: String) -> RequestBuilder {
    client.post(format!("{url}/chatkit")).header("content-type", "application/json").body(body)
}

/// Far apart from one number to the next, and never the last thread, after which nothing comes.
fn spread(number: u32) -> u32 {
    number.wrapping_mul(7_919) % (THREADS - 2)
}

fn thread(number: u32) -> String {
    format!("thr_{number:032}")
}

fn threads() -> String {
    format!(
        r#"WITH RECURSIVE n(t) AS (SELECT 1 UNION ALL SELECT t + 1 FROM n WHERE t < {THREADS})
        INSERT INTO threads (id, title, status, created_at)
        SELECT printf('thr_%032d', t), 'Thread ' || t, '{{"type":"active"}}',
               1767225600000000 + t * 1000000 FROM n"#
    )
}

/// User and assistant in turn, about a hundred characters each.
fn entries(last_thread: u32, first: u32, last: u32) -> String {
    format!(
        r#"WITH RECURSIVE
        t(t) AS (SELECT 1 UNION ALL SELECT t + 1 FROM t WHERE t < {last_thread}),
        s(s) AS (SELECT {first} UNION ALL SELECT s + 1 FROM s WHERE s < {last}),
        named AS (
            SELECT s, s % 2 AS is_user, printf('thr_%032d', t) AS thread_id,
                printf('msg_%020d%012d', t, s) AS id,
                printf('msg_%020d%012d', t, s - 1 + s % 2) AS root,
                printf('Sentence %d of a talk about milk, eggs, bread and all of list %d.', s, t) AS text
            FROM t CROSS JOIN s
        )
        INSERT INTO entries (thread_id, seq, id, root, item, message)
        SELECT thread_id, s, id, root,
            printf('{{"id":"%s","thread_id":"%s","created_at":"2026-01-01T00:00:00Z",', id, thread_id)
            || CASE WHEN is_user
                THEN printf('"type":"user_message","content":[{{"type":"input_text","text":"%s"}}],', text)
                    || '"attachments":[],"inference_options":{{}}}}'
                ELSE '"type":"assistant_message","content":[{{"type":"output_text","annotations":[],'
                    || printf('"text":"%s"}}]}}', text)
            END,
            printf('{{"role":"%s","text":"%s"}}', CASE WHEN is_user THEN 'user' ELSE 'assistant' END, text)
        FROM named"#
    )
}
