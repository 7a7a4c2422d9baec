//! Cores: how work is shared out, what each has for itself, and how they end.

use std::collections::BTreeMap;
use std::num::NonZero;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{ThreadId, available_parallelism, current};
use std::time::Duration;

use orchestrator::cores::{Cores, PerCore};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Nothing here takes longer, or it hangs.
const LIMIT: Duration = Duration::from_secs(30);

/// Pieces of work that tell where they are and stay there until they may end.
struct Works {
    cores: Cores,
    all: TaskTracker,
    values: Arc<PerCore<usize>>,
    tell: UnboundedSender<(ThreadId, usize)>,
    told: UnboundedReceiver<(ThreadId, usize)>,
    end: CancellationToken,
}

impl Works {
    fn new() -> Self {
        let next = AtomicUsize::new(0);
        let values = PerCore::new(|| next.fetch_add(1, Ordering::Relaxed));
        let (tell, told) = unbounded_channel();
        let (cores, all) = (Cores::of_machine().unwrap(), TaskTracker::new());
        Self { cores, all, values: Arc::new(values), tell, told, end: CancellationToken::new() }
    }

    /// Begins one, and hears where it is and which value it finds there.
    async fn begin(&mut self, is_busy: bool) -> (ThreadId, usize) {
        let (tell, end) = (self.tell.clone(), self.end.clone());
        let values = Arc::clone(&self.values);
        self.cores.spawn(&self.all, |load| async move {
            let _busy = is_busy.then(|| load.busy());
            tell.send((current().id(), *values.here())).unwrap();
            end.cancelled().await;
        });
        timeout(LIMIT, self.told.recv()).await.unwrap().unwrap()
    }

    async fn end(self) {
        self.end.cancel();
        self.all.close();
        timeout(LIMIT, self.all.wait()).await.unwrap();
    }
}

fn count() -> usize {
    available_parallelism().map_or(1, NonZero::get)
}

#[tokio::test]
async fn work_is_shared_out_evenly_and_each_core_has_a_value_of_its_own() {
    let (mut works, mut seen) = (Works::new(), BTreeMap::new());

    for _ in 0..count() * 3 {
        let (thread, value) = works.begin(true).await;
        seen.entry(value).or_insert_with(Vec::new).push(thread);
    }

    assert_eq!(seen.len(), count());
    for threads in seen.into_values() {
        assert_eq!(threads.len(), 3);
        assert!(threads.windows(2).all(|two| two[0] == two[1]), "one value on two threads");
    }
    works.end().await;
}

#[tokio::test]
async fn work_that_waits_weighs_less_than_work_that_is_under_way() {
    let (mut works, mut busy) = (Works::new(), BTreeMap::<usize, usize>::new());

    for _ in 0..count() * 3 {
        let (_, value) = works.begin(true).await;
        *busy.entry(value).or_default() += 1;
        works.begin(false).await;
    }

    assert!(busy.values().all(|count| *count == 3), "{busy:?}");
    works.end().await;
}

#[tokio::test]
async fn what_has_ended_makes_room() {
    let mut works = Works::new();
    for _ in 0..count() {
        works.begin(true).await;
    }
    works.end.cancel();
    works.all.close();
    timeout(LIMIT, works.all.wait()).await.unwrap();
    works.end = CancellationToken::new();

    let mut again = Vec::new();
    for _ in 0..count() {
        again.push(works.begin(true).await.1);
    }

    again.sort_unstable();
    again.dedup();
    assert_eq!(again.len(), count());
    works.end().await;
}

#[tokio::test]
async fn work_on_further_cores_ends_with_them() {
    let mut works = Works::new();
    for _ in 0..count() {
        works.begin(true).await;
    }
    let Works { cores, all, .. } = works;

    drop(cores);

    all.close();
    // What is on the first one is in the runtime of this test, and goes on.
    let others_ended = async {
        while all.len() > 1 {
            tokio::task::yield_now().await;
        }
    };
    timeout(LIMIT, others_ended).await.unwrap();
}
