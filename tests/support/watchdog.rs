//! No wait in a test is without a limit: a fault is a test that fails by its name, not a run that hangs.

#![expect(clippy::disallowed_types, reason = "a clock that a test paused would never strike")]

use std::collections::HashMap;
use std::sync::{Mutex, OnceLock};
use std::time::{Duration, Instant};

/// Far more than any wait takes on the slowest machine.
const LIMIT: Duration = Duration::from_mins(1);

/// Far more than any test keeps one of the things that tests share.
const LIFE: Duration = Duration::from_mins(5);

/// Measures a wait.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Watchdog(Instant);

impl Watchdog {
    pub(crate) fn new() -> Self {
        Self(Instant::now())
    }

    /// Ends a test that waits for too long.
    pub(crate) fn check(self, what: &str) {
        assert!(self.0.elapsed() < LIMIT, "{} waited for {LIMIT:?}: {what}", test());
    }
}

/// Lets others work, and a paused clock go on, until it is so.
pub(crate) async fn until(what: &str, is_so: impl Fn() -> bool) {
    let watchdog = Watchdog::new();
    while !is_so() {
        watchdog.check(what);
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// The same, for what must be asked.
pub(crate) async fn until_async(what: &str, is_so: impl AsyncFn() -> bool) {
    let watchdog = Watchdog::new();
    while !is_so().await {
        watchdog.check(what);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// What comes of some work that must not take for ever. For clocks that run.
pub(crate) async fn within<T>(what: &str, work: impl Future<Output = T>) -> T {
    let watchdog = Watchdog::new();
    let barks = async {
        loop {
            watchdog.check(what);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::select! {
        done = work => done,
        never = barks => never,
    }
}

/// Something that a test holds while it runs. If it is held for too long, the test hangs in a wait
/// that nobody measures: the whole run ends, and says which test it was.
#[derive(Debug)]
pub(crate) struct Held(u64);

impl Held {
    pub(crate) fn new() -> Self {
        let mut held = held().lock().unwrap();
        held.next += 1;
        let number = held.next;
        held.since.insert(number, (Instant::now(), test()));
        Self(number)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        held().lock().unwrap().since.remove(&self.0);
    }
}

#[derive(Default)]
struct AllHeld {
    next: u64,
    since: HashMap<u64, (Instant, String)>,
}

fn held() -> &'static Mutex<AllHeld> {
    static HELD: OnceLock<Mutex<AllHeld>> = OnceLock::new();
    HELD.get_or_init(|| {
        std::thread::spawn(|| {
            loop {
                std::thread::sleep(Duration::from_secs(1));
                let held = held().lock().unwrap();
                if let Some((_, test)) = held.since.values().find(|(at, _)| at.elapsed() > LIFE) {
                    eprintln!("!!! {test} hangs: it has not ended within {LIFE:?}");
                    std::process::abort();
                }
            }
        });
        Mutex::default()
    })
}

/// The harness names each test's thread after it.
fn test() -> String {
    std::thread::current().name().unwrap_or("a test").to_owned()
}
