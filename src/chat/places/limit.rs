//! The limit on turns, as a plain calculation: no clock, no lock (ADR 35).

use std::time::Duration;

/// Work that is ready may wait so long for the processor. If even the luckiest waited longer, a
/// queue stands that no waiting will clear.
const TARGET: Duration = Duration::from_millis(200);

/// The limit does not fall below this: turns that mostly wait for their model cannot be the load.
const LEAST: usize = 32;

/// The limit of a process that has not shown yet what it can carry.
const FIRST: usize = 256;

/// A limit that follows what the process shows it can carry.
#[derive(Debug)]
pub(super) struct TurnLimit {
    now: usize,
    /// What the operator allows.
    most: usize,
    /// The shortest wait of the interval before: one bad interval is a hiccup.
    before: Duration,
    state: LoadState,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LoadState {
    /// Newcomers may wait: the limit is about to rise.
    Light,
    /// The limit rises slowly, and is kept.
    Full,
    /// More is begun than can be done.
    Over,
}

/// What an interval has shown.
#[derive(Clone, Copy, Debug)]
pub(super) struct Interval {
    /// The shortest time that work waited for the processor, or for the store.
    pub(super) shortest_wait: Duration,
    /// The most turns that ran at the same time.
    pub(super) most_running: usize,
}

impl TurnLimit {
    pub(super) fn new(most: usize) -> Self {
        let before = Duration::ZERO;
        Self { now: FIRST.min(most), most, before, state: LoadState::Light }
    }

    pub(super) const fn now(&self) -> usize {
        self.now
    }

    pub(super) const fn state(&self) -> LoadState {
        self.state
    }

    pub(super) fn follow(&mut self, seen: Interval) {
        let wait = seen.shortest_wait.min(self.before);
        self.before = seen.shortest_wait;
        let is_used = seen.most_running >= self.now / 4 * 3;
        self.state = match wait {
            wait if wait > TARGET => LoadState::Over,
            wait if wait > TARGET / 8 => LoadState::Full,
            _ => LoadState::Light,
        };
        let next = match self.state {
            // From what runs: a limit that nobody reached says nothing.
            LoadState::Over => fitting(self.now.min(seen.most_running), wait),
            LoadState::Full if is_used => self.now + self.now / 16,
            LoadState::Light if is_used => self.now * 2,
            // What was not used for a while was not shown to be possible.
            LoadState::Full => self.towards(seen.most_running / 4 * 5),
            LoadState::Light => self.towards(FIRST.max(2 * seen.most_running)),
        };
        self.now = next.clamp(LEAST.min(self.most), self.most);
    }

    /// A step down to what is enough.
    const fn towards(&self, enough: usize) -> usize {
        self.now - self.now.saturating_sub(enough).div_ceil(8)
    }
}

/// As many as would not wait longer than they may, if each waits for all before it.
fn fitting(running: usize, wait: Duration) -> usize {
    let share = TARGET.as_millis() * 16 / wait.as_millis().max(1);
    running / 16 * usize::try_from(share).unwrap_or(16).clamp(8, 15)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{FIRST, Interval, LEAST, LoadState, TARGET, TurnLimit};

    const MOST: usize = 10_000;

    fn after(limit: &mut TurnLimit, shortest_wait: Duration, most_running: usize) -> usize {
        limit.follow(Interval { shortest_wait, most_running });
        limit.now()
    }

    #[test]
    fn it_doubles_while_it_is_used_and_nothing_waits() {
        let mut limit = TurnLimit::new(MOST);
        assert_eq!(after(&mut limit, Duration::ZERO, FIRST), 2 * FIRST);
        assert_eq!(after(&mut limit, Duration::ZERO, 2 * FIRST), 4 * FIRST);
        for _ in 0..10 {
            let used = limit.now();
            after(&mut limit, Duration::ZERO, used);
        }
        assert_eq!(limit.now(), MOST);
    }

    #[test]
    fn a_queue_that_stands_for_two_intervals_cuts_it_below_what_runs() {
        let mut limit = TurnLimit::new(MOST);
        assert_eq!(after(&mut limit, 2 * TARGET, 160), FIRST, "one bad interval is a hiccup");
        assert_eq!(after(&mut limit, 2 * TARGET, 160), 80, "twice too late: half as many");
        assert_eq!(limit.state(), LoadState::Over);
    }

    #[test]
    fn what_was_not_shown_to_be_possible_is_forgotten() {
        let mut limit = TurnLimit::new(MOST);
        for _ in 0..10 {
            let used = limit.now();
            after(&mut limit, Duration::ZERO, used);
        }
        for _ in 0..100 {
            after(&mut limit, Duration::ZERO, 3);
        }
        assert_eq!(limit.now(), FIRST);
        for _ in 0..100 {
            after(&mut limit, TARGET / 2, 80);
        }
        let kept = limit.now();
        assert!((100..110).contains(&kept), "a quarter more than what runs: {kept}");
    }

    #[test]
    fn it_stays_between_its_ends_whatever_comes() {
        for most in [1, 7, LEAST, 100, MOST] {
            let mut limit = TurnLimit::new(most);
            for step in 0_u64..500 {
                let wait = Duration::from_millis(step * 7_919 % 300);
                let running = usize::try_from(step * 104_729 % 20_000).unwrap().min(most);
                let now = after(&mut limit, wait, running);
                assert!((LEAST.min(most)..=most).contains(&now), "{now} of {most}");
            }
        }
    }
}
