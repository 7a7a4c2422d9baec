//! One contract for every store: what was done in the world.

use std::sync::Arc;

use orchestrator::chat::{Beginning, Closing, Known, NewEffect, Resource, Store, ThreadsError};
use orchestrator::domain::{Owner, Thread};

use super::leases::{taken, taken_over};
use super::stores::{create, said, thread};

contract!(
    an_effect_is_new_then_begun_then_done,
    an_effect_that_was_struck_out_is_new_and_one_that_is_done_stays,
    effects_outlive_a_rewind_and_belong_to_their_message,
    a_holder_of_the_past_begins_nothing_and_strikes_out_nothing,
    a_deleted_thread_takes_its_effects_with_it,
);

async fn an_effect_is_new_then_begun_then_done(store: Arc<dyn Store>) {
    let thread = thread();
    let lease = create(&*store, &thread, said(&thread, 0)).await;
    let (one, two) = (effect("turn", "one"), effect("turn", "two"));

    assert_eq!(store.intend(&lease, &one).await.unwrap(), Known::New);
    assert_eq!(store.intend(&lease, &two).await.unwrap(), Known::New);
    let again = store.intend(&lease, &one).await.unwrap();
    assert_eq!(again, Known::New, "the answer to the first was lost: it is still our own");
    store.end(&lease, Closing::default()).await.unwrap();
    let next = taken(&*store, &thread).await;
    assert_eq!(store.intend(&next, &one).await.unwrap(), Known::Begun);
    store.conclude(&next, "one", "yes\0").await.unwrap();
    assert!(matches!(store.intend(&next, &one).await.unwrap(), Known::Done(_)));

    let known = store.effects(&resource(&thread), &"turn".into()).await.unwrap();
    let keys: Vec<_> = known.iter().map(|known| known.effect.key.as_str()).collect();
    assert_eq!(keys, ["one", "two"]);
    assert!(known[0].output.is_some() && known[1].output.is_none());
}

async fn an_effect_that_was_struck_out_is_new_and_one_that_is_done_stays(store: Arc<dyn Store>) {
    let thread = thread();
    let lease = create(&*store, &thread, said(&thread, 0)).await;
    let one = effect("turn", "one");

    store.intend(&lease, &one).await.unwrap();
    store.withdraw(&lease, "one").await.unwrap();
    assert_eq!(store.effects(&resource(&thread), &"turn".into()).await.unwrap(), []);
    assert_eq!(store.intend(&lease, &one).await.unwrap(), Known::New);
    store.conclude(&lease, "one", "yes").await.unwrap();
    store.withdraw(&lease, "one").await.unwrap();

    assert_eq!(store.intend(&lease, &one).await.unwrap(), Known::Done("yes".to_owned()));
}

async fn effects_outlive_a_rewind_and_belong_to_their_message(store: Arc<dyn Store>) {
    let thread = thread();
    let first = said(&thread, 0);
    let item = first.item.clone().unwrap().id;
    let lease = create(&*store, &thread, first).await;
    store.intend(&lease, &effect("this", "a")).await.unwrap();
    store.intend(&lease, &effect("that", "b")).await.unwrap();

    let (attempt, rewind_to) = ("second".to_owned(), Some(item));
    let rewind =
        Beginning { attempt, rewind_to, entries: Vec::new(), receipt: None, granted: None };
    store.begin(&lease, rewind).await.unwrap();

    let this = store.effects(&resource(&thread), &"this".into()).await.unwrap();
    assert_eq!(this.iter().map(|it| it.effect.key.as_str()).collect::<Vec<_>>(), ["a"]);
}

async fn a_holder_of_the_past_begins_nothing_and_strikes_out_nothing(store: Arc<dyn Store>) {
    let thread = thread();
    let (past, now) = taken_over(&*store, &thread).await;
    store.intend(&now, &effect("turn", "one")).await.unwrap();

    let late = store.intend(&past, &effect("turn", "two")).await;
    store.withdraw(&past, "one").await.unwrap();

    assert!(matches!(late, Err(ThreadsError::Lost)), "{late:?}");
    assert_eq!(store.effects(&resource(&thread), &"turn".into()).await.unwrap().len(), 1);
}

async fn a_deleted_thread_takes_its_effects_with_it(store: Arc<dyn Store>) {
    let thread = thread();
    let lease = create(&*store, &thread, said(&thread, 0)).await;
    store.intend(&lease, &effect("turn", "key")).await.unwrap();

    assert!(store.delete(&Owner::anyone(), &thread.id).await.unwrap());

    let late = store.intend(&lease, &effect("turn", "key")).await;
    assert!(matches!(late, Err(ThreadsError::Lost)), "{late:?}");
    assert_eq!(store.effects(&resource(&thread), &"turn".into()).await.unwrap(), []);
}

fn resource(thread: &Thread) -> Resource {
    Resource::from(&thread.id)
}

fn effect(root: &str, key: &str) -> NewEffect {
    let (key, tool, arguments) = (key.to_owned(), "add".to_owned(), "{}".to_owned());
    NewEffect { root: root.into(), key, tool, arguments }
}
