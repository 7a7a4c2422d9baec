//! Repeated requests whose turn runs in this process: the copy joins that turn.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use futures::future::Either;

use super::super::turn::{Cursor, TurnLog};
use super::super::{BeginError, RepeatKey, Turn};
use base::domain::ThreadId;

/// Turns of this process that a copy may join, by key.
#[derive(Debug, Default)]
pub(crate) struct RequestsInFlight(Arc<Mutex<HashMap<String, Live>>>);

#[derive(Debug)]
struct Live {
    body: String,
    thread: ThreadId,
    log: Weak<TurnLog>,
}

/// Removes its turn when it is dropped.
#[derive(Debug)]
pub(crate) struct InFlightGuard {
    all: Arc<Mutex<HashMap<String, Live>>>,
    key: String,
    log: Weak<TurnLog>,
}

impl RequestsInFlight {
    /// Joins the turn of an earlier copy, if it runs here and its log still has its beginning.
    pub(crate) fn join(&self, key: &RepeatKey) -> Result<Option<Turn>, BeginError> {
        joined(&lock(&self.0), key)
    }

    /// Adds a turn until the guard is dropped. If a copy was faster, joins its turn instead.
    pub(crate) fn note(
        &self,
        key: &RepeatKey,
        thread: &ThreadId,
        log: &Arc<TurnLog>,
    ) -> Result<Either<InFlightGuard, Turn>, BeginError> {
        let (body, log) = (key.body.clone(), Arc::downgrade(log));
        // One lock for the look and the insertion: of two copies at once exactly one begins.
        let mut all = lock(&self.0);
        if let Some(turn) = joined(&all, key)? {
            return Ok(Either::Right(turn));
        }
        let live = Live { body, thread: thread.clone(), log: Weak::clone(&log) };
        all.insert(key.key.clone(), live);
        drop(all);
        Ok(Either::Left(InFlightGuard { all: Arc::clone(&self.0), key: key.key.clone(), log }))
    }
}

impl Drop for InFlightGuard {
    fn drop(&mut self) {
        let mut all = lock(&self.all);
        // A later turn may have the key by now, if this one could no longer be joined.
        if all.get(&self.key).is_some_and(|live| Weak::ptr_eq(&live.log, &self.log)) {
            all.remove(&self.key);
        }
    }
}

fn joined(all: &HashMap<String, Live>, key: &RepeatKey) -> Result<Option<Turn>, BeginError> {
    let Some(live) = all.get(&key.key) else { return Ok(None) };
    if live.body != key.body {
        return Err(BeginError::KeyReused);
    }
    let events = live.log.upgrade().and_then(|log| log.join(Cursor::default()));
    Ok(events.map(|events| Turn { thread: live.thread.clone(), events, allowance: None }))
}

fn lock(all: &Mutex<HashMap<String, Live>>) -> MutexGuard<'_, HashMap<String, Live>> {
    all.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;
    use std::thread;

    use super::*;
    use crate::{OnLeave, RepeatWindow};

    fn key(body: &str) -> RepeatKey {
        let (key, body) = ("key".to_owned(), body.to_owned());
        RepeatKey { key, body, window: RepeatWindow::Day }
    }

    #[test]
    fn of_copies_that_come_in_the_same_moment_exactly_one_begins() {
        let (all, thread) = (RequestsInFlight::default(), ThreadId::new_thread());
        for _ in 0..200 {
            let (together, key) = (Barrier::new(8), key("body"));
            let copy = || {
                let (log, reader) = TurnLog::begin(OnLeave::Finish);
                together.wait();
                let noted = all.note(&key, &thread, &log);
                together.wait();
                let has_begun = matches!(noted, Ok(Either::Left(_)));
                drop((noted, reader));
                has_begun
            };
            let begun = thread::scope(|scope| {
                let copies: Vec<_> = (0..8).map(|_| scope.spawn(copy)).collect();
                copies.into_iter().map(|it| it.join().unwrap()).filter(|begun| *begun).count()
            });
            assert_eq!(begun, 1);
            assert!(all.join(&key).unwrap().is_none(), "the turn has forgotten itself");
        }
    }

    #[test]
    fn a_turn_that_goes_forgets_itself_and_no_later_one_of_the_same_key() {
        let (all, thread) = (RequestsInFlight::default(), ThreadId::new_thread());
        let key = key("body");
        let (first, _reader) = TurnLog::begin(OnLeave::Finish);
        let earlier = all.note(&key, &thread, &first).unwrap();
        first.close();
        let (second, _reader) = TurnLog::begin(OnLeave::Finish);
        let later = all.note(&key, &thread, &second).unwrap();

        drop(earlier);
        assert!(all.join(&key).unwrap().is_some());

        drop(later);
        assert!(all.join(&key).unwrap().is_none());
    }

    #[test]
    fn another_request_under_the_same_key_joins_nothing_and_is_told_so() {
        let (all, thread) = (RequestsInFlight::default(), ThreadId::new_thread());
        let (log, _reader) = TurnLog::begin(OnLeave::Finish);
        let _held = all.note(&key("body"), &thread, &log).unwrap();

        assert!(matches!(all.join(&key("other")), Err(BeginError::KeyReused)));
        assert!(all.join(&key("body")).unwrap().is_some());
    }
}
