//! Places under many threads, while the limit falls and rises.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Duration;

use base::domain::Owner;
use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::runtime::Handle;
use tokio::time::{advance, timeout};

use super::{EVERY, Place, Places};

const THREADS: usize = 8;
const ROUNDS: usize = 10_000;
/// More than the first limit, so that some wait for it to rise.
const MOST: usize = 300;

#[tokio::test(start_paused = true)]
async fn no_more_places_are_taken_than_there_may_be_and_all_are_free_at_the_end() {
    let (places, taken) = (Places::new(MOST), Arc::new(AtomicUsize::new(0)));
    let threads: Vec<_> = (0..THREADS)
        .map(|seed| {
            let (places, taken, clock) =
                (Arc::clone(&places), Arc::clone(&taken), Handle::current());
            thread::spawn(move || {
                let _clock = clock.enter();
                come_and_go(&places, &taken, seed);
            })
        })
        .collect();

    // Now and then everything comes late for a moment, and the limit falls.
    for interval in 0_u32.. {
        if threads.iter().all(thread::JoinHandle::is_finished) {
            break;
        }
        let lag = if interval % 100 < 97 { Duration::ZERO } else { Duration::from_millis(400) };
        pass(&places, lag).await;
    }
    for thread in threads {
        thread.join().unwrap();
    }

    // Until nobody is remembered who was turned away.
    for _ in 0..100 {
        pass(&places, Duration::ZERO).await;
    }
    assert_eq!(places.lock().line.len(), 0, "nobody waits");
    assert_eq!(free(&places).await, MOST);
}

/// Takes places, gives them back, and leaves the line, as the seed says.
fn come_and_go(places: &Arc<Places>, taken: &AtomicUsize, seed: usize) {
    let owner = Owner::named(["a", "b", "c"].get(seed % 3).unwrap());
    let (mut held, mut waiting) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        match (seed * 104_729 + round * 7_919) % 23 {
            0..12 => waiting.push(asking(places, &owner)),
            12..19 => {
                taken.fetch_sub(usize::from(!held.is_empty()), Ordering::SeqCst);
                drop(held.pop());
            }
            _ => drop(waiting.pop()),
        }
        waiting.retain_mut(|one| match one.poll_unpin(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(Some(place)) => {
                assert!(taken.fetch_add(1, Ordering::SeqCst) < MOST, "one too many");
                held.push(place);
                false
            }
            Poll::Ready(None) => false,
            Poll::Pending => true,
        });
    }
    taken.fetch_sub(held.len(), Ordering::SeqCst);
}

fn asking(places: &Arc<Places>, owner: &Owner) -> BoxFuture<'static, Option<Place>> {
    let (places, owner) = (Arc::clone(places), owner.clone());
    async move { places.take(&owner).await }.boxed()
}

/// An interval in which work waited so long.
async fn pass(places: &Arc<Places>, lag: Duration) {
    advance(EVERY).await;
    places.waited(lag, || Duration::ZERO);
}

/// How many places one caller gets while nothing waits.
async fn free(places: &Arc<Places>) -> usize {
    let (owner, mut taken) = (Owner::named("a"), Vec::new());
    for _ in 0..20 {
        while let Ok(Some(place)) = timeout(Duration::ZERO, places.take(&owner)).await {
            taken.push(place);
        }
        pass(places, Duration::ZERO).await;
    }
    taken.len()
}
