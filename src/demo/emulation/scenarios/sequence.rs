//! Counts the requests of each sequence of answers.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// The name of a sequence and its test.
pub(in crate::emulation) type Key = (String, String);

#[derive(Debug, Default)]
pub(in crate::emulation) struct Sequences(Mutex<VecDeque<(Key, Progress)>>);

#[derive(Clone, Copy, Debug)]
struct Progress {
    asked: u64,
    since: Instant,
}

const MAX_SEQUENCES: usize = 1_024;

impl Sequences {
    /// Counts a request. True for the first `times`.
    pub(in crate::emulation) fn is_within(&self, key: Key, times: u64) -> bool {
        self.advance(key).asked <= times
    }

    /// Begins the sequence if needed. True for the first `window`.
    pub(in crate::emulation) fn is_young(&self, key: Key, window: Duration) -> bool {
        self.advance(key).since.elapsed() < window
    }

    pub(in crate::emulation) fn clear(&self, test: Option<&str>) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|((_, owner), _)| test.is_some_and(|test| !owner.contains(test)));
    }

    fn advance(&self, key: Key) -> Progress {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, progress)) = all.iter_mut().find(|(known, _)| *known == key) {
            progress.asked += 1;
            return *progress;
        }
        if all.len() == MAX_SEQUENCES {
            all.pop_front();
        }
        let progress = Progress { asked: 1, since: Instant::now() };
        all.push_back((key, progress));
        progress
    }
}
