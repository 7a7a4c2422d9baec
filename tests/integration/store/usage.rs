//! What owners have used, as time passes: told by rows whose times are changed (ADR 30).

use std::sync::Arc;
use std::time::Duration;

use orchestrator::chat::{Beginning, Charge, Closing, Lease, NewTurn, Store, Used};
use orchestrator::domain::{
    CallerLimits, ModelSpend, Owner, Spend, SpendByModel, Thread, ThreadId, Usage,
};
use sqlx::{AnyConnection, AssertSqlSafe, Connection, Executor, query_scalar};
use tempfile::TempDir;

use super::{note, opening, store, thread};
use crate::support::postgres;

const PATIENCE: Duration = Duration::from_secs(20);

const LIMITS: CallerLimits = CallerLimits {
    turns_per_minute: Some(2),
    turns_at_once: Some(2),
    tokens_per_day: None,
    cost_per_day: None,
};

/// A store, and its rows.
struct Rows {
    store: Arc<dyn Store>,
    connection: AnyConnection,
    _folder: TempDir,
}

impl Rows {
    /// In each database that keeps rows.
    async fn all() -> Vec<Self> {
        sqlx::any::install_default_drivers();
        let mut all = Vec::new();
        for dialect in ["sqlite", "postgres"] {
            let folder = TempDir::new().unwrap();
            let url = match dialect {
                "sqlite" => Some(format!("sqlite://{}/threads.db", folder.path().display())),
                _ => postgres::database().await,
            };
            let Some(url) = url else { continue };
            let store = store(&url, PATIENCE).await.store;
            used(&*store).await;
            let connection = AnyConnection::connect(&url).await.unwrap();
            all.push(Self { store, connection, _folder: folder });
        }
        all
    }

    async fn change(&mut self, statement: &str) {
        self.connection.execute(AssertSqlSafe(statement.to_owned())).await.unwrap();
    }

    async fn number(&mut self, statement: &'static str) -> i64 {
        query_scalar(statement).fetch_one(&mut self.connection).await.unwrap()
    }

    async fn count(&self, turn: &str, thread: &ThreadId) -> bool {
        let (turn, owner, thread) = (turn.to_owned(), ada(), thread.clone());
        let (longest, limits) = (Duration::from_mins(8), LIMITS);
        let new = NewTurn { turn, owner, thread, longest, limits };
        self.store.count(&new).await.unwrap().is_within
    }

    /// Makes all turns begin at another time.
    async fn shift(&mut self, milliseconds: i64) {
        let shift = format!("UPDATE counted_turns SET begun_at = begun_at + {milliseconds}");
        self.change(&shift).await;
    }
}

fn ada() -> Owner {
    Owner::user("", "ada").unwrap()
}

async fn used(store: &dyn Store) -> Used {
    store.used(&ada(), &LIMITS).await.unwrap()
}

async fn begun(store: &dyn Store, attempt: &str) -> (Thread, Lease) {
    let thread = Thread { owner: ada(), ..thread() };
    let first = Beginning { attempt: attempt.to_owned(), ..opening(&thread) };
    let lease = store.create(&thread, first).await.unwrap().unwrap();
    (thread, lease)
}

fn closing(turn: &str) -> Closing {
    let usage = Usage { input_tokens: 1, ..Usage::default() };
    let mut spends = SpendByModel::default();
    spends.add(ModelSpend::request("m", Spend::of_call(usage, None)));
    let charge = Some(Charge { turn: turn.to_owned(), turns: 1, spends });
    Closing { charge, ..Closing::default() }
}

#[tokio::test]
async fn the_minute_slides_and_says_when_it_makes_room() {
    for mut rows in Rows::all().await {
        let thread = ThreadId::new_thread();
        assert!(rows.count("a", &thread).await);
        rows.shift(-40_000).await;
        assert!(rows.count("b", &thread).await);
        assert!(!rows.count("c", &thread).await);
        let frees_in = used(&*rows.store).await.minute_frees_in.as_secs();
        assert!((15..=20).contains(&frees_in), "{frees_in}");

        rows.shift(-20_000).await;

        assert!(rows.count("c", &thread).await);
        assert!(!rows.count("d", &thread).await);
    }
}

#[tokio::test]
async fn a_turn_runs_as_long_as_its_lease_is_held() {
    for mut rows in Rows::all().await {
        let (thread, lease) = begun(&*rows.store, "a").await;
        rows.count("a", &thread.id).await;
        rows.count("b", &ThreadId::new_thread()).await;

        // The second one has no lease by now: its process died.
        rows.shift(-13_000).await;
        assert_eq!(used(&*rows.store).await.turns_at_once, 1);
        rows.shift(-600_000).await;
        assert_eq!(used(&*rows.store).await.turns_at_once, 1, "held, however long it takes");
        rows.store.end(&lease, closing("a")).await.unwrap();
        assert_eq!(used(&*rows.store).await.turns_at_once, 0);
    }
}

#[tokio::test]
async fn a_turn_that_is_counted_in_another_thread_runs_by_the_lease_of_that_one() {
    for mut rows in Rows::all().await {
        let (thread, lease) = begun(&*rows.store, "a").await;
        rows.count("a", &ThreadId::new_thread()).await;
        rows.count("b", &ThreadId::new_thread()).await;

        rows.store.count_in("a", &thread.id).await.unwrap();
        rows.store.count_in("unknown", &thread.id).await.unwrap();

        rows.shift(-13_000).await;
        assert_eq!(used(&*rows.store).await.turns_at_once, 1);
        rows.store.end(&lease, closing("a")).await.unwrap();
        assert_eq!(used(&*rows.store).await.turns_at_once, 0);
    }
}

#[tokio::test]
async fn a_clock_that_was_set_back_blocks_nobody() {
    for mut rows in Rows::all().await {
        let thread = ThreadId::new_thread();
        rows.count("a", &thread).await;
        rows.count("b", &thread).await;

        rows.shift(3_600_000).await;

        assert!(rows.count("c", &thread).await);
        assert_eq!(rows.number("SELECT COUNT(*) FROM counted_turns").await, 1);
    }
}

#[tokio::test]
async fn what_counts_no_more_is_deleted() {
    for mut rows in Rows::all().await {
        let (_, lease) = begun(&*rows.store, "a").await;
        rows.store.end(&lease, closing("a")).await.unwrap();
        rows.store
            .charge(
                &ada(),
                &ThreadId::new_thread(),
                &Charge { turn: "late".to_owned(), turns: 1, spends: SpendByModel::default() },
            )
            .await
            .unwrap();
        rows.count("b", &ThreadId::new_thread()).await;
        rows.change("UPDATE usage SET day = day - 93").await;
        rows.change("UPDATE late_charges SET at = at - 86500000").await;
        rows.change("UPDATE counted_turns SET begun_at = begun_at - 61000, until = 0").await;

        // The first turn of a day tidies up.
        let (_, lease) = begun(&*rows.store, "c").await;
        rows.store.end(&lease, closing("c")).await.unwrap();

        assert_eq!(rows.store.usage(&ada(), 92).await.unwrap().len(), 1);
        for table in [
            "SELECT COUNT(*) - 1 FROM usage",
            "SELECT COUNT(*) FROM late_charges",
            "SELECT COUNT(*) FROM counted_turns",
        ] {
            assert_eq!(rows.number(table).await, 0, "{table}");
        }
    }
}

/// During a rolling update it ends turns beside us.
#[tokio::test]
async fn an_end_as_the_release_before_writes_it_adds_nothing_and_is_of_unknown_cost_later() {
    for mut rows in Rows::all().await {
        let (thread, lease) = begun(&*rows.store, "a").await;
        let end = "INSERT INTO endings (thread_id, input_tokens, cached_tokens, output_tokens, \
            thinking_tokens, cost_nanos, unpriced_calls, id, root, item, message, key, attempt, \
            outcome, is_final, told, spend) \
            SELECT resource, 1, 0, 1, 0, 1, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, NULL, NULL \
            FROM leases";
        rows.change(end).await;
        assert_eq!(rows.store.usage(&ada(), 1).await.unwrap(), []);

        let (attempt, entries) = ("b".to_owned(), vec![note("next")]);
        let next = Beginning { attempt, entries, ..opening(&thread) };
        rows.store.begin(&lease, next).await.unwrap();

        let used = rows.store.usage(&ada(), 1).await.unwrap();
        assert_eq!((used.len(), used[0].turns, used[0].unpriced_calls), (1, 1, 1));
    }
}
