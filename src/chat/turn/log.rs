//! What happens in a turn, in order: written by the turn, read by any number of readers.
//!
//! Appending never waits. A reader that is too slow loses its place, the turn goes on (ADR 24).

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use tokio_util::sync::CancellationToken;

use super::reader::{Behind, Reader};
use crate::{Fact, OnLeave};

/// In bytes, not counting the end; beyond it the oldest events are dropped. The longest answer has
/// room twice: as text, and as the stored item.
const MAX_BYTES: usize = 8 * 1024 * 1024;

#[derive(Debug)]
pub struct TurnLog {
    state: Mutex<LogState>,
    on_leave: OnLeave,
    /// Cancelled when the last reader has left a turn that then has to end.
    deserted: CancellationToken,
}

/// A position in a log: after so many events, and so many bytes of the next one's text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cursor {
    event: u64,
    byte: usize,
}

#[derive(Debug, Default)]
struct LogState {
    events: VecDeque<Fact>,
    /// How many events were dropped: the number of the first that is left.
    gone: u64,
    bytes: usize,
    readers: Vec<ReaderPosition>,
    /// How many readers there ever were; the source of their ids.
    came: u64,
    /// The turn is over; a title may still follow.
    has_ended: bool,
    /// Nothing more is appended.
    is_closed: bool,
}

#[derive(Debug)]
struct ReaderPosition {
    reader: u64,
    at: Cursor,
    /// Set while the reader waits for more.
    waiting: Option<Waker>,
    /// For how many looks in a row it took nothing although there was something.
    idle_for: u32,
}

impl TurnLog {
    /// An empty log and its first reader.
    pub fn begin(on_leave: OnLeave) -> (Arc<Self>, Reader) {
        let (mut state, deserted) = (LogState::default(), CancellationToken::new());
        let reader = state.admit(Cursor::default());
        let log = Arc::new(Self { state: Mutex::new(state), on_leave, deserted });
        (Arc::clone(&log), Reader::new(log, reader))
    }

    /// Appends a fact. Never waits.
    pub fn tell(&self, event: Fact) {
        let waiting = {
            let mut state = self.lock();
            state.append(event);
            // The size limit may have dropped the last reader.
            self.desert_if_empty(&state);
            state.waiting()
        };
        self.wake(waiting);
    }

    /// A reader that starts at this position. `None` if the turn is over or about to be cancelled,
    /// or if the position was dropped. The last reader leaves under the same lock: no copy joins a
    /// turn that ends because nobody reads it (ADR 24).
    pub fn join(self: &Arc<Self>, from: Cursor) -> Option<Reader> {
        let mut state = self.lock();
        let is_open = !state.is_closed && !state.has_ended && !self.deserted.is_cancelled();
        if !is_open || from.event < state.gone {
            return None;
        }
        let reader = state.admit(from);
        drop(state);
        Some(Reader::new(Arc::clone(self), reader))
    }

    /// Waits until the last reader has left, if that ends the turn.
    pub async fn deserted(&self) {
        self.deserted.cancelled().await;
    }

    /// Nothing more is appended; waiting readers see the end.
    pub fn close(&self) {
        let waiting = {
            let mut state = self.lock();
            state.is_closed = true;
            state.waiting()
        };
        self.wake(waiting);
    }

    /// Called by the clock. Drops readers that took nothing for `patience` looks although there was
    /// something.
    pub fn look(&self, patience: u32) {
        let mut state = self.lock();
        let end = state.end();
        let before = state.readers.len();
        state.readers.retain_mut(|position| {
            position.idle_for = if position.at < end { position.idle_for + 1 } else { 0 };
            position.idle_for <= patience
        });
        if state.readers.len() < before {
            tracing::info!("A reader was dropped: it read nothing for too long");
            self.desert_if_empty(&state);
        }
    }

    pub(super) fn take(
        &self,
        reader: u64,
        into: &mut Vec<Fact>,
        most: usize,
        context: &Context<'_>,
    ) -> Poll<Result<usize, Behind>> {
        self.lock().take(reader, into, most, context)
    }

    pub(super) fn at(&self, reader: u64) -> Option<Cursor> {
        let state = self.lock();
        state.readers.iter().find(|position| position.reader == reader).map(|position| position.at)
    }

    /// The reader is about to take what is appended next, so that does not wake it.
    pub(super) fn stop_waiting(&self, reader: u64) {
        let mut state = self.lock();
        let position = state.readers.iter_mut().find(|position| position.reader == reader);
        drop(position.and_then(|position| position.waiting.take()));
    }

    pub(super) fn leave(&self, reader: u64) {
        let mut state = self.lock();
        state.readers.retain(|position| position.reader != reader);
        self.desert_if_empty(&state);
    }

    fn desert_if_empty(&self, state: &LogState) {
        // A turn that has ended needs no reader: its title is stored all the same.
        if state.readers.is_empty() && !state.has_ended && self.on_leave == OnLeave::Cancel {
            self.deserted.cancel();
        }
    }

    /// Wakes waiting readers, outside the lock.
    fn wake(&self, mut waiting: Option<Waker>) {
        // One at a time, so that no list is allocated under the lock.
        while let Some(waker) = waiting {
            waker.wake();
            waiting = self.lock().waiting();
        }
    }

    fn lock(&self) -> MutexGuard<'_, LogState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl LogState {
    fn admit(&mut self, at: Cursor) -> u64 {
        self.came += 1;
        self.readers.push(ReaderPosition { reader: self.came, at, waiting: None, idle_for: 0 });
        self.came
    }

    /// Continued text extends the last event, so that a piece costs only its own bytes.
    fn append(&mut self, event: Fact) {
        if self.is_closed {
            return;
        }
        self.has_ended |= matches!(event, Fact::Ended(_));
        let count = self.gone + self.events.len() as u64;
        // A newer progress may replace the last event only if no reader has taken that.
        let is_unread = self.readers.iter().all(|position| position.at.event < count);
        let (before, event) = match self.events.back_mut() {
            Some(last) if is_unread => {
                (last.weight(), last.grow(event).and_then(|it| last.renew(it)))
            }
            Some(last) => (last.weight(), last.grow(event)),
            None => (0, Some(event)),
        };
        if let Some(event) = event {
            self.bytes += event.weight();
            self.events.push_back(event);
        } else {
            let grown = self.events.back().map_or(0, Fact::weight);
            self.bytes = (self.bytes + grown).saturating_sub(before);
        }
        // The event that was just appended stays, however large it is.
        while self.bytes > MAX_BYTES && self.events.len() > 1 {
            self.forget_first();
        }
    }

    fn forget_first(&mut self) {
        let Some(first) = self.events.pop_front() else { return };
        self.bytes = self.bytes.saturating_sub(first.weight());
        let whole = first.text().map(|text| Cursor { event: self.gone, byte: text.len() });
        self.gone += 1;
        let gone = self.gone;
        // A reader at the end of this text has missed nothing.
        for position in self.readers.iter_mut().filter(|position| Some(position.at) == whole) {
            position.at = Cursor { event: gone, byte: 0 };
        }
        self.readers.retain(|position| position.at.event >= gone);
    }

    fn take(
        &mut self,
        reader: u64,
        into: &mut Vec<Fact>,
        most: usize,
        context: &Context<'_>,
    ) -> Poll<Result<usize, Behind>> {
        let (end, is_over) = (self.end(), self.is_closed);
        let Some(position) = self.readers.iter_mut().find(|position| position.reader == reader)
        else {
            return Poll::Ready(Err(Behind));
        };
        position.idle_for = 0;
        if position.at >= end {
            if is_over {
                return Poll::Ready(Ok(0));
            }
            // Nearly every poll comes from the same task, and cloning its waker is not free.
            if !position.waiting.as_ref().is_some_and(|waker| waker.will_wake(context.waker())) {
                position.waiting = Some(context.waker().clone());
            }
            return Poll::Pending;
        }
        let before = into.len();
        let skipped = usize::try_from(position.at.event - self.gone).unwrap_or(usize::MAX);
        for event in self.events.iter().skip(skipped) {
            if into.len() - before >= most {
                break;
            }
            into.extend(event.since(position.at.byte));
            position.at = Cursor { event: position.at.event + 1, byte: 0 };
        }
        if position.at.event == self.gone + self.events.len() as u64 {
            position.at = end;
        }
        Poll::Ready(Ok(into.len() - before))
    }

    /// The position after everything. The last event may still grow, so it is behind its last byte.
    fn end(&self) -> Cursor {
        let count = self.gone + self.events.len() as u64;
        match self.events.back().and_then(Fact::text) {
            Some(text) => Cursor { event: count - 1, byte: text.len() },
            None => Cursor { event: count, byte: 0 },
        }
    }

    fn waiting(&mut self) -> Option<Waker> {
        self.readers.iter_mut().find_map(|position| position.waiting.take())
    }
}

/// Closes a log when its writer is dropped, whatever the reason.
pub(crate) struct CloseLog(pub(crate) Arc<TurnLog>);

impl Drop for CloseLog {
    fn drop(&mut self) {
        self.0.close();
    }
}
