//! One thread for each core of the machine, each with a runtime of its own (ADR 25).
//!
//! What belongs together (a connection, the turn that is read on it, the connection to the model that
//! the turn waits for) runs on one core, so none of it wakes another thread.

use std::cell::Cell;
use std::io;
use std::num::NonZero;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock};
use std::thread;

use tokio::runtime::{Builder, Handle};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

thread_local! {
    /// Which core this thread is. Whoever is none of the others counts as the first.
    static HERE: Cell<usize> = const { Cell::new(0) };
}

static COUNT: LazyLock<usize> =
    LazyLock::new(|| thread::available_parallelism().map_or(1, NonZero::get));

/// Shares work out to the cores. Once it is dropped, what still runs on the further ones ends.
#[derive(Debug)]
pub struct Cores {
    first: Arc<Core>,
    others: Vec<Arc<Core>>,
    stop: CancellationToken,
}

#[derive(Debug)]
struct Core {
    runtime: Handle,
    /// How many pieces of work it has.
    busy: AtomicUsize,
}

/// A piece of work is on this core for as long.
struct Busy(Arc<Core>);

impl Cores {
    /// The runtime that this is called in, and no other.
    pub fn only_here() -> Self {
        let first = Core::new(Handle::current());
        Self { first, others: Vec::new(), stop: CancellationToken::new() }
    }

    /// The runtime that this is called in, and a thread for each further core.
    pub fn of_machine() -> io::Result<Self> {
        let mut cores = Self::only_here();
        for number in 1..*COUNT {
            let runtime = Builder::new_current_thread().enable_all().build()?;
            cores.others.push(Core::new(runtime.handle().clone()));
            let stop = cores.stop.clone();
            let work = move || {
                HERE.set(number);
                runtime.block_on(stop.cancelled());
                runtime.shutdown_background();
            };
            drop(thread::Builder::new().name(format!("core-{number}")).spawn(work)?);
        }
        Ok(cores)
    }

    /// Does some work on the core that has the fewest pieces of it.
    pub fn spawn(&self, work: impl Future<Output = ()> + Send + 'static, all: &TaskTracker) {
        let busy = |core: &&Arc<Core>| core.busy.load(Ordering::Relaxed);
        let core = [&self.first].into_iter().chain(&self.others).min_by_key(busy);
        let busy = Busy::on(core.unwrap_or(&self.first));
        let runtime = busy.0.runtime.clone();
        let work = async move {
            work.await;
            drop(busy);
        };
        drop(all.spawn_on(work, &runtime));
    }
}

impl Drop for Cores {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl Core {
    fn new(runtime: Handle) -> Arc<Self> {
        Arc::new(Self { runtime, busy: AtomicUsize::new(0) })
    }
}

impl Busy {
    fn on(core: &Arc<Core>) -> Self {
        core.busy.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(core))
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.busy.fetch_sub(1, Ordering::Relaxed);
    }
}

/// One value for each core: what its tasks share, and no other core touches.
#[derive(Debug)]
pub struct PerCore<T> {
    first: T,
    others: Box<[T]>,
}

impl<T> PerCore<T> {
    /// Makes all of them.
    pub fn new(make: impl Fn() -> T) -> Self {
        Self { first: make(), others: (1..*COUNT).map(|_| make()).collect() }
    }

    /// Makes all of them, unless one cannot be made.
    pub fn try_new<E>(make: impl Fn() -> Result<T, E>) -> Result<Self, E> {
        let others = (1..*COUNT).map(|_| make()).collect::<Result<_, E>>()?;
        Ok(Self { first: make()?, others })
    }

    /// The one of the core that asks.
    pub fn here(&self) -> &T {
        let other = HERE.get().checked_sub(1).and_then(|other| self.others.get(other));
        other.unwrap_or(&self.first)
    }
}
