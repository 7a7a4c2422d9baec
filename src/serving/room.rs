//! The slots for connections and requests, and what is closed when they are used up (ADR 19).
//!
//! A connection without a running request costs little and is kept while there is room. When there
//! is none, the longest idle one is closed, also one that never sent a byte. There are fewer slots
//! for requests than for connections, so health can always be requested: a process whose health
//! check fails is killed with all its turns.

use std::fs::File;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep, timeout};

use super::accept::{Accept, is_of_client};
use super::idle::{Bell, IdleSeats};
use base::domain::is_out_of_files;

/// Connections beyond the slots for requests: for health, and for refusals.
const SPARE: usize = 32;

/// Files in reserve, for connections that come when all others are used up.
const FILES: usize = 16;

/// What the reserve holds open: closing one gives a free file.
const NO_FILE: &str = "/dev/null";

/// A connection that opened or was answered less than this ago is closed only when no reserve file
/// is left.
const NEW: Duration = Duration::from_secs(1);

/// Pause after an unknown error of `accept`, which would otherwise be repeated without end.
const PAUSE: Duration = Duration::from_secs(1);

/// How long a freed reserve file counts for the next connection.
const KEPT_BACK: Duration = Duration::from_secs(1);

/// How long to wait for a connection to close and free its file.
const PAUSE_FOR_FILES: Duration = Duration::from_millis(100);

pub(super) struct Room {
    connections: Arc<Semaphore>,
    requests: Arc<Semaphore>,
    idle: Mutex<IdleSeats>,
    files: Mutex<Vec<File>>,
    left: Notify,
}

/// The slot of one connection.
pub(super) struct Seat {
    room: Arc<Room>,
    bell: Arc<Bell>,
    is_last_file: bool,
    _place: OwnedSemaphorePermit,
}

/// A running request; ends when this is dropped.
pub(super) struct Visit {
    seat: Arc<Seat>,
    place: Option<OwnedSemaphorePermit>,
}

impl Room {
    pub(super) fn for_requests(requests: usize) -> Arc<Self> {
        let requests = requests.min(Semaphore::MAX_PERMITS - SPARE);
        let room = Arc::new(Self {
            connections: Arc::new(Semaphore::new(requests + SPARE)),
            requests: Arc::new(Semaphore::new(requests)),
            idle: Mutex::default(),
            files: Mutex::default(),
            left: Notify::new(),
        });
        room.keep_files();
        room
    }

    /// The next connection, with its slot. It is accepted first, so no connection is closed without
    /// need.
    pub(super) async fn next<L: Accept>(self: &Arc<Self>, listener: &mut L) -> (L::Arrival, Seat) {
        // Only for a short time: the connection that it was freed for may be gone.
        let mut kept_back: Option<Instant> = None;
        loop {
            match listener.accept().await {
                Ok(arrival) => {
                    let is_last_file = kept_back.take().is_some_and(|at| at.elapsed() < KEPT_BACK);
                    if let Some(seat) = self.seat(is_last_file).await {
                        return (arrival, seat);
                    }
                }
                Err(error) if is_out_of_files(&error) => {
                    kept_back = self.find_file().await.then(Instant::now);
                }
                Err(error) if is_of_client(&error) => {}
                Err(error) => {
                    tracing::error!(%error, "Connections cannot be accepted");
                    sleep(PAUSE).await;
                }
            }
        }
    }

    /// None only if the semaphore was closed, which never happens.
    async fn seat(self: &Arc<Self>, is_last_file: bool) -> Option<Seat> {
        let places = Arc::clone(&self.connections);
        let place = if let Ok(place) = Arc::clone(&places).try_acquire_owned() {
            place
        } else {
            self.idle().make_way_soon();
            places.acquire_owned().await.ok()?
        };
        let bell = Arc::new(Bell::default());
        self.idle().welcome(&bell);
        Some(Seat { room: Arc::clone(self), bell, is_last_file, _place: place })
    }

    /// Frees a file for the next connection. True if it is one of the reserve.
    async fn find_file(&self) -> bool {
        // Created before a connection is asked to close, so that its end is not missed.
        let left = self.left.notified();
        if !self.idle().make_way(NEW) {
            if self.files().pop().is_some() {
                tracing::warn!("Out of files for connections: only the reserve is left");
                return true;
            }
            self.idle().make_way(Duration::ZERO);
        }
        drop(timeout(PAUSE_FOR_FILES, left).await);
        false
    }

    fn place(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.requests).try_acquire_owned().ok()
    }

    fn keep_files(&self) {
        let mut files = self.files();
        while files.len() < FILES {
            let Ok(file) = File::open(NO_FILE) else { break };
            files.push(file);
        }
    }

    fn idle(&self) -> MutexGuard<'_, IdleSeats> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn files(&self) -> MutexGuard<'_, Vec<File>> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seat {
    /// Begins a request; none if the connection is being closed.
    pub(super) fn begin(self: &Arc<Self>) -> Option<Visit> {
        if !self.room.idle().begin(&self.bell) {
            return None;
        }
        // On a reserve file only health and refusals are served, however many slots are free.
        let place = if self.is_last_file { None } else { self.room.place() };
        Some(Visit { seat: Arc::clone(self), place })
    }

    /// Waits until the connection is asked to close.
    ///
    /// # Cancel safety
    /// A signal that arrives in between is seen by the next call.
    pub(super) async fn is_needed(&self) {
        self.bell.rung().await;
    }

    /// The same once more: whoever was asked cannot decide yet.
    pub(super) fn is_still_needed(&self) {
        self.bell.ring();
    }

    /// Whether it closes; then no further request is begun on it.
    pub(super) fn leaves(&self) -> bool {
        self.room.idle().leaves(&self.bell)
    }

    /// Whether a request runs.
    pub(super) fn is_busy(&self) -> bool {
        self.bell.is_busy()
    }

    /// Whether an answer was sent, whose end may still be in the buffer.
    pub(super) fn has_answered(&self) -> bool {
        self.bell.has_answered()
    }

    /// Whether it uses a reserve file: a second for its head, one answer (ADR 19).
    pub(super) fn is_last_file(&self) -> bool {
        self.is_last_file
    }
}

impl Visit {
    pub(super) fn found_no_room(&self) -> bool {
        self.place.is_none()
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        self.seat.bell.note_answer();
        self.seat.room.idle().add(&self.seat.bell);
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.room.idle().remove(&self.bell);
        // Refills the reserve with the file that this connection has freed.
        self.room.keep_files();
        self.room.left.notify_waiters();
    }
}
