//! PostgreSQL: the server and the wire to it.

use std::time::Duration;

use futures::future::join_all;
use orchestrator::chat::{Claim, Closing, Known, NewEffect, Resource, ThreadsError};
use orchestrator::domain::{BreakerState, Message, Owner};
use orchestrator::store::{Opened, open};
use sqlx::migrate::Migrate;
use sqlx::{Connection, Executor, PgConnection};
use tokio::time::{self, timeout};

use super::wire::{Then, Wire, by_way_of};
use super::{held, note, opening, settings, store, thread};
use crate::support::postgres;
use crate::support::watchdog::Watchdog;

const SHORT: Duration = Duration::from_secs(1);
const LONG: Duration = Duration::from_secs(20);

#[tokio::test]
async fn killed_connections_are_replaced() {
    let Some(url) = postgres::database().await else { return };
    let (store, thread) = (store(&url, LONG).await.store, thread());
    store.create(&thread, opening(&thread)).await.unwrap();

    for _ in 0..3 {
        kill_all(&url).await;
        store.add(&held(&thread), note("x")).await.unwrap();
        kill_all(&url).await;
        assert!(store.find(&Owner::anyone(), &thread.id).await.unwrap().is_some());
    }

    assert_eq!(store.transcript(&thread.id, 9).await.unwrap().len(), 3);
}

#[tokio::test]
async fn a_server_that_comes_up_later_is_prepared_then() {
    let Some(url) = postgres::database().await else { return };
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let at = nobody.local_addr().unwrap();
    drop(nobody);
    let store = store(&by_way_of(at, &url), LONG).await;
    let thread = thread();

    let before = store.store.find(&Owner::anyone(), &thread.id).await;
    let _wire = Wire::to(&url, Some(at)).await;
    let after = store.store.create(&thread, opening(&thread)).await;

    assert!(matches!(before, Err(ThreadsError::Unavailable(Some(_)))));
    assert!(after.is_ok(), "{after:?}");
}

#[tokio::test]
async fn a_write_whose_answer_is_lost_is_kept_once() {
    let Some(url) = postgres::database().await else { return };
    let wire = Wire::to(&url, None).await;
    let (store, thread) = (store(&wire.url(&url), LONG).await.store, thread());

    wire.at_the_word("Hello", Then::LoseTheAnswer);
    store.create(&thread, opening(&thread)).await.unwrap();
    wire.at_the_word("precious", Then::LoseTheAnswer);
    store.add(&held(&thread), note("precious")).await.unwrap();
    store.add(&held(&thread), note("next")).await.unwrap();
    wire.at_the_word("farewell", Then::LoseTheAnswer);
    let closing = Closing { last: Some(note("farewell")), ..Closing::default() };
    store.end(&held(&thread), closing).await.unwrap();

    let said = ["precious", "next", "farewell"].map(|text| Message::Note { text: text.to_owned() });
    assert_eq!(store.transcript(&thread.id, 9).await.unwrap(), said);
}

#[tokio::test]
async fn a_claim_and_an_intent_whose_answers_are_lost_are_our_own() {
    let Some(url) = postgres::database().await else { return };
    let wire = Wire::to(&url, None).await;
    let (store, thread) = (store(&wire.url(&url), LONG).await.store, thread());
    store.create(&thread, opening(&thread)).await.unwrap();
    store.end(&held(&thread), Closing::default()).await.unwrap();

    wire.at_the_word("SET epoch = epoch + 1", Then::LoseTheAnswer);
    let claim = store.claim(&Owner::anyone(), &Resource::from(&thread.id)).await.unwrap();
    let Claim::Held(lease) = claim else { panic!("{claim:?}") };
    wire.at_the_word("call_1", Then::LoseTheAnswer);
    let (root, tool, arguments) = ("msg_1".into(), "add".to_owned(), "{}".to_owned());
    let effect = NewEffect { root, key: "call_1".to_owned(), tool, arguments };
    let known = store.intend(&lease, &effect).await.unwrap();

    assert_eq!(lease.epoch, 2);
    assert_eq!(known, Known::New);
}

#[tokio::test]
async fn a_connection_that_fell_silent_costs_at_most_one_call() {
    let Some(url) = postgres::database().await else { return };
    let wire = Wire::to(&url, None).await;
    let (store, thread) = (store(&wire.url(&url), SHORT * 2).await.store, thread());
    store.create(&thread, opening(&thread)).await.unwrap();

    wire.fall_silent();
    // It was in use a moment ago, and so is not asked whether it is well.
    let first = store.find(&Owner::anyone(), &thread.id).await;
    let second = store.find(&Owner::anyone(), &thread.id).await;

    assert!(first.is_ok() || second.is_ok(), "{first:?} {second:?}");
}

#[tokio::test]
async fn connections_that_fell_silent_while_nobody_needed_them_cost_nothing() {
    let Some(url) = postgres::database().await else { return };
    let wire = Wire::to(&url, None).await;
    let (store, thread) = (store(&wire.url(&url), LONG).await.store, thread());
    store.create(&thread, opening(&thread)).await.unwrap();
    // Several at once, so that several are at hand.
    join_all((0..8).map(|_| store.find(&thread.owner, &thread.id))).await;

    wire.fall_silent();
    // A connection is trusted for a second after it was used.
    time::pause();
    time::advance(Duration::from_secs(1)).await;
    time::resume();
    let found = join_all((0..8).map(|_| store.find(&thread.owner, &thread.id))).await;

    assert!(found.iter().all(Result::is_ok), "{found:?}");
}

#[tokio::test]
async fn calls_that_hang_give_their_places_back() {
    let Some(url) = postgres::database().await else { return };
    let wire = Wire::to(&url, None).await;
    let (store, thread) = (store(&wire.url(&url), SHORT * 2).await.store, thread());
    store.create(&thread, opening(&thread)).await.unwrap();

    wire.at_the_word("lost", Then::FallSilent);
    let lease = held(&thread);
    let hanging = join_all((0..20).map(|_| store.add(&lease, note("lost")))).await;
    let found = store.find(&Owner::anyone(), &thread.id).await;

    assert!(hanging.iter().all(Result::is_err));
    assert!(found.is_ok(), "{found:?}");
}

#[tokio::test]
async fn a_statement_is_one_trip() {
    let Some(url) = postgres::database().await else { return };
    let wire = Wire::to(&url, None).await;
    let (store, thread) = (store(&wire.url(&url), LONG).await.store, thread());
    let lease = store.create(&thread, opening(&thread)).await.unwrap().unwrap();
    for _ in 0..2 {
        // Prepares the statements.
        store.find(&Owner::anyone(), &thread.id).await.unwrap();
        store.renew(std::slice::from_ref(&lease)).await.unwrap();
    }

    let before = wire.trips();
    for _ in 0..10 {
        store.find(&Owner::anyone(), &thread.id).await.unwrap();
        store.renew(std::slice::from_ref(&lease)).await.unwrap();
    }

    assert_eq!(wire.trips() - before, 20);
}

#[tokio::test]
async fn a_crowd_that_waits_for_its_places_does_not_make_the_server_ill() {
    let Some(url) = postgres::database().await else { return };
    let store = strict(&url, Duration::from_secs(4)).await;
    prepared(&store).await;
    let mut other = PgConnection::connect(&url).await.unwrap();
    let slow = "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS \
        $$ BEGIN PERFORM pg_sleep(0.6); RETURN NEW; END $$; \
        CREATE TRIGGER slow BEFORE INSERT ON threads FOR EACH ROW EXECUTE FUNCTION slow()";
    other.execute(slow).await.unwrap();
    let threads: Vec<_> = (0..60).map(|_| thread()).collect();

    let begun = join_all(threads.iter().map(|it| store.store.create(it, opening(it)))).await;

    let refused = begun.iter().filter(|it| it.is_err()).count();
    assert!((1..60).contains(&refused), "{refused}");
    assert_eq!(breaker(&store), (BreakerState::Closed, 0));
}

#[tokio::test]
async fn a_preparation_that_was_given_up_holds_no_lock() {
    let Some(url) = postgres::database().await else { return };
    let mut other = PgConnection::connect(&url).await.unwrap();
    other.lock().await.unwrap();
    let (store, thread) = (store(&url, SHORT).await.store, thread());

    let waited = join_all((0..3).map(|_| store.find(&thread.owner, &thread.id))).await;
    other.unlock().await.unwrap();

    assert!(waited.iter().all(Result::is_err));
    // To make the tables may take longer than one call waits.
    let watchdog = Watchdog::new();
    while !matches!(store.find(&Owner::anyone(), &thread.id).await, Ok(None)) {
        watchdog.check("the tables are there");
    }
}

#[tokio::test]
async fn a_replica_that_waits_for_another_to_prepare_says_so_and_is_not_ill() {
    let Some(url) = postgres::database().await else { return };
    let mut other = PgConnection::connect(&url).await.unwrap();
    other.lock().await.unwrap();
    let (store, thread) = (strict(&url, SHORT).await, thread());

    let waited = join_all((0..8).map(|_| store.store.find(&thread.owner, &thread.id))).await;
    let breaker = breaker(&store);
    other.unlock().await.unwrap();
    prepared(&store).await;

    assert!(waited.iter().all(|it| matches!(it, Err(ThreadsError::Preparing))), "{waited:?}");
    assert_eq!(breaker, (BreakerState::Closed, 0));
}

#[tokio::test]
async fn a_migration_may_take_longer_than_a_call() {
    let Some(url) = postgres::database().await else { return };
    let mut other = PgConnection::connect(&url).await.unwrap();
    let slow = "CREATE FUNCTION slow() RETURNS event_trigger LANGUAGE plpgsql AS \
        $$ BEGIN PERFORM pg_sleep(1.2); END $$; \
        CREATE EVENT TRIGGER slow ON ddl_command_start WHEN TAG IN ('CREATE VIEW') \
        EXECUTE FUNCTION slow()";
    other.execute(slow).await.unwrap();
    let (store, thread) = (strict(&url, SHORT).await, thread());

    prepared(&store).await;

    assert_eq!(breaker(&store), (BreakerState::Closed, 0));
    assert!(store.store.create(&thread, opening(&thread)).await.is_ok());
}

/// A store whose breaker opens at the first failure.
async fn strict(url: &str, timeout: Duration) -> Opened {
    let mut settings = settings(url, timeout);
    settings.guard.breaker.max_failures = 1;
    open(&settings).await.unwrap()
}

fn breaker(store: &Opened) -> (BreakerState, u64) {
    let breaker = store.health.as_ref().unwrap().report().remove(0).breaker;
    (breaker.state, breaker.calls.failed)
}

/// Asks until the tables are there; whoever comes too early is told so and nothing else.
async fn prepared(store: &Opened) {
    let thread = thread();
    let asked = async {
        while let Err(error) = store.store.find(&Owner::anyone(), &thread.id).await {
            assert!(matches!(error, ThreadsError::Preparing), "{error:?}");
        }
    };
    timeout(LONG, asked).await.unwrap();
}

async fn kill_all(url: &str) {
    let kill = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity \
        WHERE datname = current_database() AND pid <> pg_backend_pid()";
    let mut connection = PgConnection::connect(url).await.unwrap();
    sqlx::query(kill).execute(&mut connection).await.unwrap();
}
