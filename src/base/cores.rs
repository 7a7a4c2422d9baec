//! One thread for each core of the machine, each with its own runtime (ADR 25).
//!
//! What belongs together (a connection, the turn that is read on it, the turn's connection to the
//! model) runs on one core and wakes no other thread. What all share (the store, tools, the log) is
//! elsewhere.

use std::cell::Cell;
use std::io;
use std::num::NonZero;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, mpsc};
use std::thread;

use tokio::runtime::{Builder, Handle};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

thread_local! {
    /// The core of this thread. A thread that is none of the others counts as the first.
    static HERE: Cell<usize> = const { Cell::new(0) };
}

static COUNT: LazyLock<usize> =
    LazyLock::new(|| thread::available_parallelism().map_or(1, NonZero::get));

/// Distributes work among the cores. When it is dropped, work on the further cores ends.
#[derive(Debug)]
pub struct Cores {
    first: Arc<Core>,
    others: Vec<Arc<Core>>,
    stop: CancellationToken,
}

#[derive(Debug)]
struct Core {
    runtime: Handle,
    /// Pieces of work on this core, and how many of them are busy.
    pieces: AtomicUsize,
    busy: AtomicUsize,
}

/// Through this a piece of work reports that it is busy.
#[derive(Clone)]
pub struct Load(Arc<Core>);

/// A piece of work is busy as long as this exists.
pub struct Busy(Arc<Core>);

/// Counts a piece of work until it is dropped.
struct CorePiece(Arc<Core>);

impl Cores {
    /// Only the runtime that this is called in.
    pub fn only_here() -> Self {
        let first = Core::new(Handle::current());
        Self { first, others: Vec::new(), stop: CancellationToken::new() }
    }

    /// The runtime that this is called in, and a thread for each further core.
    pub fn of_machine() -> io::Result<Self> {
        let mut cores = Self::only_here();
        for number in 1..*COUNT {
            let (stop, (tell, told)) = (cores.stop.clone(), mpsc::channel());
            let work = move || run(number, &stop, &tell);
            drop(thread::Builder::new().name(format!("core-{number}")).spawn(work)?);
            // The thread sends its runtime in a moment, or why it has none.
            let runtime = told.recv().map_err(|_| io::ErrorKind::BrokenPipe)??;
            cores.others.push(Core::new(runtime));
        }
        Ok(cores)
    }

    /// Runs work on the core with the fewest busy pieces, and of those on the one with the fewest.
    pub fn spawn<F>(&self, all: &TaskTracker, work: impl FnOnce(Load) -> F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let cores = [&self.first].into_iter().chain(&self.others);
        let core = cores.min_by_key(|core| core.load()).unwrap_or(&self.first);
        // Counted before the task runs: connections that come together must not go to one core.
        core.pieces.fetch_add(1, Ordering::Relaxed);
        let (piece, work) = (CorePiece(Arc::clone(core)), work(Load(Arc::clone(core))));
        let work = async move {
            work.await;
            drop(piece);
        };
        drop(all.spawn_on(work, &core.runtime));
    }
}

/// The thread of a core, until it is told to stop. Its runtime is built here, where it can be
/// dropped.
fn run(number: usize, stop: &CancellationToken, tell: &mpsc::Sender<io::Result<Handle>>) {
    HERE.set(number);
    match Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => {
            drop(tell.send(Ok(runtime.handle().clone())));
            runtime.block_on(stop.cancelled());
            // Without waiting for blocking work, which may never end.
            runtime.shutdown_background();
        }
        Err(error) => drop(tell.send(Err(error))),
    }
}

impl Drop for Cores {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl Core {
    fn new(runtime: Handle) -> Arc<Self> {
        Arc::new(Self { runtime, pieces: AtomicUsize::new(0), busy: AtomicUsize::new(0) })
    }

    fn load(&self) -> (usize, usize) {
        (self.busy.load(Ordering::Relaxed), self.pieces.load(Ordering::Relaxed))
    }
}

impl Load {
    /// The work is busy until the guard is dropped.
    pub fn busy(&self) -> Busy {
        self.0.busy.fetch_add(1, Ordering::Relaxed);
        Busy(Arc::clone(&self.0))
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.busy.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Drop for CorePiece {
    fn drop(&mut self) {
        self.0.pieces.fetch_sub(1, Ordering::Relaxed);
    }
}

/// One value for each core, shared by its tasks and touched by no other core.
#[derive(Debug)]
pub struct PerCore<T> {
    first: T,
    others: Box<[T]>,
}

impl<T> PerCore<T> {
    pub fn new(make: impl Fn() -> T) -> Self {
        Self { first: make(), others: (1..*COUNT).map(|_| make()).collect() }
    }

    /// The value of the core that asks.
    pub fn here(&self) -> &T {
        let other = HERE.get().checked_sub(1).and_then(|other| self.others.get(other));
        other.unwrap_or(&self.first)
    }
}
