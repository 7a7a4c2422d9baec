//! Who runs a turn: its first reader's own task, as long as that reads; else a task of its own.
//!
//! A turn that runs where it is read wakes nobody to be heard (ADR 24). It must not depend on being
//! read, though: it moves when its reader goes, or does not come although the turn was called.

use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Arc, Mutex, TryLockError};
use std::task::{Context, Wake, Waker};

use futures::FutureExt;
use futures::task::AtomicWaker;
use tokio::runtime::Handle;

/// Something called the turn: it has to go on.
const CALLED: u8 = 1;
/// The turn is going on right now.
const GOING: u8 = 2;

/// A turn that calls itself goes on so often before others get the processor.
const AT_ONCE: usize = 4;

/// The work of one turn, and where it is done.
pub(in crate::chat) struct Engine {
    work: Mutex<Option<TurnFuture>>,
    waker: Arc<TurnWaker>,
    /// It was called when it was last looked at, and has not gone on since.
    is_late: AtomicBool,
    runtime: Handle,
}

type TurnFuture = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Hears who calls the turn, and hands it on to the reader's task.
#[derive(Debug)]
struct TurnWaker {
    state: AtomicU8,
    reader: AtomicWaker,
}

impl Engine {
    /// Nothing is done yet.
    pub(in crate::chat) fn new(work: impl Future<Output = ()> + Send + 'static) -> Arc<Self> {
        // A panic ends the turn, not the connection that happens to run it.
        let work = AssertUnwindSafe(work).catch_unwind().map(|ended| {
            if ended.is_err() {
                tracing::error!("A turn panicked");
            }
        });
        let waker = TurnWaker { state: AtomicU8::new(CALLED), reader: AtomicWaker::new() };
        Arc::new(Self {
            work: Mutex::new(Some(Box::pin(work))),
            waker: Arc::new(waker),
            is_late: AtomicBool::new(false),
            runtime: Handle::current(),
        })
    }

    /// Does what can be done now; the caller is woken when there is more. Tells whether the work is
    /// still done here.
    pub(super) fn go_on(&self, context: &mut Context<'_>) -> bool {
        self.waker.reader.register(context.waker());
        self.is_late.store(false, Ordering::Relaxed);
        let mut work = match self.work.try_lock() {
            Ok(work) => work,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return false, // It is being moved.
        };
        let waker = Waker::from(Arc::clone(&self.waker));
        for _ in 0..AT_ONCE {
            let Some(doing) = work.as_mut() else { return false };
            if !self.waker.answer() {
                return true;
            }
            if doing.as_mut().poll(&mut Context::from_waker(&waker)).is_ready() {
                *work = None;
            }
            self.waker.hang_up();
        }
        if self.waker.is_ringing() {
            context.waker().wake_by_ref();
        }
        work.is_some()
    }

    /// Whether there is something to do here.
    pub(super) fn is_called(&self) -> bool {
        self.waker.is_ringing()
    }

    /// Looks whether the reader comes; if it did not since the last look, the work moves.
    pub(super) fn look(&self) {
        if self.waker.is_ringing() && self.is_late.swap(true, Ordering::Relaxed) {
            self.move_away();
        }
    }

    /// What is left of the work is done in a task of its own.
    pub(super) fn move_away(&self) {
        let work = match self.work.try_lock() {
            Ok(mut work) => work.take(),
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner().take(),
            Err(TryLockError::WouldBlock) => None, // The reader came at last.
        };
        if let Some(work) = work {
            drop(self.runtime.spawn(work));
        }
    }
}

impl TurnWaker {
    /// Tells whether the turn was called, and takes note that it goes on.
    fn answer(&self) -> bool {
        self.state.compare_exchange(CALLED, GOING, Ordering::AcqRel, Ordering::Relaxed).is_ok()
    }

    /// It stands still again, unless it was called meanwhile.
    fn hang_up(&self) {
        self.state.fetch_and(!GOING, Ordering::AcqRel);
    }

    fn is_ringing(&self) -> bool {
        self.state.load(Ordering::Acquire) & CALLED != 0
    }
}

impl Wake for TurnWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    /// A turn that calls itself while it goes on is heard without waking anybody.
    fn wake_by_ref(self: &Arc<Self>) {
        if self.state.fetch_or(CALLED, Ordering::AcqRel) == 0 {
            self.reader.wake();
        }
    }
}
