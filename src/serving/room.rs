//! Who has a place, and who leaves when there is none.
//!
//! A connection on which no request is under way costs little and is kept while there is room. When
//! there is none, the one that has been idle for longest makes way, also if it never said a word.
//! Requests have places of their own, fewer than connections have: so there is always a connection
//! for whoever asks how the process is.

use std::fs::File;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep, timeout};

use super::accept::{Accept, is_of_client};
use super::idle::{Bell, IdleSeats};
use crate::domain::is_out_of_files;

/// So many connections more than requests: for health, and for hearing that there is no room.
const SPARE: usize = 32;

/// So many files are kept back for connections that come when all others are used up.
const FILES: usize = 16;

/// Held open to be closed when a file is needed.
const NO_FILE: &str = "/dev/null";

/// Who came, or was answered, so short a time ago makes way for a file only if none is kept back.
const NEW: Duration = Duration::from_secs(1);

/// Before the system is asked again after an error that nobody knows.
const PAUSE: Duration = Duration::from_secs(1);

/// So long a kept-back file is for whoever comes next.
const KEPT_BACK: Duration = Duration::from_secs(1);

/// How long to wait for a file until somebody leaves.
const PAUSE_FOR_FILES: Duration = Duration::from_millis(100);

/// The places of one server.
pub(super) struct Room {
    connections: Arc<Semaphore>,
    requests: Arc<Semaphore>,
    idle: Mutex<IdleSeats>,
    files: Mutex<Vec<File>>,
    left: Notify,
}

/// The place of one connection.
pub(super) struct Seat {
    room: Arc<Room>,
    bell: Arc<Bell>,
    is_last_file: bool,
    _place: OwnedSemaphorePermit,
}

/// A request that is under way.
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

    /// The next connection, with its place. It comes first: nobody makes way for nobody.
    pub(super) async fn next<L: Accept>(self: &Arc<Self>, listener: &mut L) -> (L::Arrival, Seat) {
        // Not for long: whoever it was kept back for may have gone again.
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

    /// None only if the room was closed, which nobody does.
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

    /// Finds a file for the next connection; tells whether it is one of the last.
    async fn find_file(&self) -> bool {
        // Whoever left before this gave us nothing.
        let left = self.left.notified();
        if !self.idle().make_way(NEW) {
            if self.files().pop().is_some() {
                tracing::warn!("No file is left for connections but those that were kept back");
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
    /// Begins a request, unless the connection has made way before.
    pub(super) fn begin(self: &Arc<Self>) -> Option<Visit> {
        if !self.room.idle().begin(&self.bell) {
            return None;
        }
        let place = if self.is_last_file { None } else { self.room.place() };
        Some(Visit { seat: Arc::clone(self), place })
    }

    /// Waits until the connection is asked to make way.
    ///
    /// # Cancel safety
    /// Nothing is missed: the next call hears what this one did not.
    pub(super) async fn is_needed(&self) {
        self.bell.rung().await;
    }

    /// Whether it does; then no request is begun any more.
    pub(super) fn leaves(&self) -> bool {
        self.room.idle().leaves(&self.bell)
    }

    /// Whether an answer may still be on its way out.
    pub(super) fn has_answered(&self) -> bool {
        self.bell.has_answered()
    }

    /// Whether nothing but the shortest of visits is possible.
    pub(super) fn is_last_file(&self) -> bool {
        self.is_last_file
    }
}

impl Visit {
    /// Whether the request came while there was no room.
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
        self.room.keep_files();
        self.room.left.notify_waiters();
    }
}
