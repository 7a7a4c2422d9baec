//! Runs a turn: in the task of its first reader as long as that reads, otherwise in a separate
//! task.
//!
//! A turn that runs where it is read wakes no other task for its events. It must not depend on
//! being read: it moves when its reader leaves, or does not poll although the turn was woken
//! (ADR 24).

use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Arc, Mutex, TryLockError};
use std::task::{Context, Wake, Waker};

use futures::FutureExt;
use futures::task::AtomicWaker;
use tokio::runtime::Handle;

/// The turn was woken and must be polled.
const CALLED: u8 = 1;
/// The turn is being polled.
const GOING: u8 = 2;

/// How often a turn that wakes itself is polled before other tasks get the processor.
const AT_ONCE: usize = 4;

/// The work of one turn, and where it runs.
pub(crate) struct Engine {
    work: Mutex<Option<TurnFuture>>,
    waker: Arc<TurnWaker>,
    /// Whether it was woken at the last look of the clock, and not polled since.
    is_late: AtomicBool,
    runtime: Handle,
}

type TurnFuture = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Receives the wake-ups of a turn and passes them to its reader's task.
#[derive(Debug)]
struct TurnWaker {
    state: AtomicU8,
    reader: AtomicWaker,
}

impl Engine {
    /// The work begins with the first poll.
    pub(crate) fn new(work: impl Future<Output = ()> + Send + 'static) -> Arc<Self> {
        // A panic ends the turn, not the connection whose task polls it.
        let work = AssertUnwindSafe(work).catch_unwind().map(|ended| {
            if ended.is_err() {
                tracing::error!("A turn panicked");
            }
        });
        // Woken once already, so that the first poll begins the work.
        let waker = TurnWaker { state: AtomicU8::new(CALLED), reader: AtomicWaker::new() };
        Arc::new(Self {
            work: Mutex::new(Some(Box::pin(work))),
            waker: Arc::new(waker),
            is_late: AtomicBool::new(false),
            runtime: Handle::current(),
        })
    }

    /// Polls the work as far as possible; the caller is woken when it can continue. Returns whether
    /// the work still runs here.
    pub(super) fn go_on(&self, context: &mut Context<'_>) -> bool {
        // Before the work is polled, so that no wake-up is lost in between.
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

    /// Whether the turn was woken.
    pub(super) fn is_called(&self) -> bool {
        self.waker.is_ringing()
    }

    /// Called by the clock. Moves work that was woken and not polled since the last look.
    pub(super) fn look(&self) {
        if self.waker.is_ringing() && self.is_late.swap(true, Ordering::Relaxed) {
            self.move_away();
        }
    }

    /// Moves the rest of the work to a separate task.
    pub(super) fn move_away(&self) {
        let work = match self.work.try_lock() {
            Ok(mut work) => work.take(),
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner().take(),
            Err(TryLockError::WouldBlock) => None, // The reader polls it right now.
        };
        if let Some(work) = work {
            // On the core where it began, which has its connection to the model (ADR 25).
            drop(self.runtime.spawn(work));
        }
    }
}

impl TurnWaker {
    /// Takes a wake-up, if there was one, and marks the turn as being polled.
    fn answer(&self) -> bool {
        self.state.compare_exchange(CALLED, GOING, Ordering::AcqRel, Ordering::Relaxed).is_ok()
    }

    /// The poll is over; a wake-up during it stays.
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

    /// A turn that wakes itself while it is polled is polled again by `go_on`: no task is woken.
    fn wake_by_ref(self: &Arc<Self>) {
        if self.state.fetch_or(CALLED, Ordering::AcqRel) == 0 {
            self.reader.wake();
        }
    }
}
