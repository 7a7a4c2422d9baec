//! How much a server sends unasked, and how much of that waits for our answer (ADR 39).

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use rmcp::model::RequestId;
use tokio::time::Instant;
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

use super::super::super::error::Flood;

/// What a message that nobody asked for costs: two thousand a second can go on for ever.
const EACH: Duration = Duration::from_micros(500);
/// A longer one costs as much as several of this length: 8 MiB a second.
const EACH_BYTES: usize = 4 * 1024;
/// What may come at once: 8,000 messages, 32 MiB.
const AT_ONCE: Duration = Duration::from_secs(4);
/// Requests of a server that have no answer yet, or whose answer it does not take.
const MAX_UNANSWERED: usize = 64;
/// Requests of ours that may be answered late, when nobody waits any more.
const MAX_LATE: usize = 1_024;

/// Of one session.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    counts: Mutex<Counts>,
    over: CancellationToken,
    why: OnceLock<Flood>,
}

#[derive(Debug, Default)]
struct Counts {
    /// When all that came so far is paid for, if that is still to come.
    paid_at: Option<Instant>,
    /// Our requests without an answer.
    asked: HashSet<RequestId>,
    /// The server's requests without an answer of ours; a flood may have one id for all.
    waiting: Vec<RequestId>,
    /// Our answers that are being sent.
    sending: usize,
}

/// An answer on its way, until it is dropped.
#[derive(Debug)]
#[must_use = "an answer that is dropped at once is not on its way"]
pub(super) struct OnItsWay(Arc<Meter>);

impl Meter {
    /// Why the server must be disconnected, if it must.
    pub(crate) fn why(&self) -> Option<Flood> {
        self.why.get().copied()
    }

    /// Waits until the server must be disconnected.
    ///
    /// # Cancel safety
    ///
    /// Can be dropped and called again.
    pub(crate) async fn flooded(&self) {
        self.over.cancelled().await;
    }

    pub(super) fn until_flooded(&self) -> WaitForCancellationFutureOwned {
        self.over.clone().cancelled_owned()
    }

    pub(super) fn end(&self, why: Flood) {
        self.why.get_or_init(|| why);
        self.over.cancel();
    }

    /// Counts what came: free if it answers a request of ours.
    pub(super) fn came(&self, answers: Option<&RequestId>, bytes: usize) {
        let mut counts = self.lock();
        if answers.is_some_and(|id| counts.asked.remove(id)) {
            return;
        }
        let now = Instant::now();
        let times = u32::try_from(1 + bytes / EACH_BYTES).unwrap_or(u32::MAX);
        let paid_at = counts.paid_at.map_or(now, |at| at.max(now)) + EACH.saturating_mul(times);
        counts.paid_at = Some(paid_at);
        drop(counts);
        if paid_at > now + AT_ONCE {
            self.end(Flood::Unasked);
        }
    }

    pub(super) fn asks(&self, id: RequestId) {
        self.lock().asked.insert(id);
    }

    /// Nobody waits for the answer any more. It may come all the same and be a large one.
    pub(super) fn gives_up(&self, id: &RequestId) {
        let mut counts = self.lock();
        if counts.asked.len() > MAX_LATE {
            counts.asked.remove(id);
        }
    }

    /// The answer came, or cannot come.
    pub(super) fn forget(&self, id: &RequestId) {
        self.lock().asked.remove(id);
    }

    pub(super) fn is_asked(&self, id: RequestId) {
        let mut counts = self.lock();
        counts.waiting.push(id);
        let unanswered = counts.waiting.len() + counts.sending;
        drop(counts);
        if unanswered > MAX_UNANSWERED {
            self.end(Flood::Unanswered);
        }
    }

    /// The server no longer waits for our answer.
    pub(super) fn is_let_off(&self, id: &RequestId) {
        self.lock().let_off(id);
    }

    pub(super) fn answers(self: &Arc<Self>, id: Option<&RequestId>) -> OnItsWay {
        let mut counts = self.lock();
        if let Some(id) = id {
            counts.let_off(id);
        }
        counts.sending += 1;
        OnItsWay(Arc::clone(self))
    }

    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Counts {
    fn let_off(&mut self, id: &RequestId) {
        if let Some(index) = self.waiting.iter().position(|waiting| waiting == id) {
            self.waiting.swap_remove(index);
        }
    }
}

impl Drop for OnItsWay {
    fn drop(&mut self) {
        let mut counts = self.0.lock();
        counts.sending = counts.sending.saturating_sub(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids() -> impl Iterator<Item = RequestId> {
        (0..).map(RequestId::Number)
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_asked_for_is_free_and_a_steady_trickle_goes_on_for_ever() {
        let meter = Meter::default();
        for id in ids().take(100_000) {
            meter.asks(id.clone());
            meter.came(Some(&id), 1_000_000);
        }
        for _ in 0..20_000 {
            meter.came(None, 100);
            tokio::time::advance(EACH).await;
        }
        assert_eq!(meter.why(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn what_nobody_asked_for_has_a_limit_in_number_and_in_length() {
        let unasked = RequestId::Number(1);
        for (messages, bytes, answers) in [(8_001, 0, None), (8_001, 0, Some(&unasked))] {
            let meter = Meter::default();
            (1..messages).for_each(|_| meter.came(answers, bytes));
            assert_eq!(meter.why(), None);
            meter.came(answers, bytes);
            assert_eq!(meter.why(), Some(Flood::Unasked));
        }
        let meter = Meter::default();
        meter.came(None, 40 * 1024 * 1024);
        assert_eq!(meter.why(), Some(Flood::Unasked));
    }

    #[test]
    fn an_answer_that_comes_too_late_was_asked_for_and_only_so_many_are_remembered() {
        let meter = Meter::default();
        for id in ids().take(10_000) {
            meter.asks(id.clone());
            meter.gives_up(&id);
        }
        for id in ids().take(100) {
            meter.came(Some(&id), 8 * 1024 * 1024);
        }
        assert_eq!(meter.why(), None);
        assert_eq!(meter.lock().asked.len(), MAX_LATE - 100);
    }

    #[test]
    fn requests_that_wait_have_a_limit_and_those_that_were_answered_do_not_count() {
        let meter = Arc::new(Meter::default());
        for id in ids().take(1_000) {
            meter.is_asked(id.clone());
            drop(meter.answers(Some(&id)));
        }
        let one = RequestId::Number(9);
        for id in ids().take(MAX_UNANSWERED - 1).chain([one]) {
            meter.is_asked(id);
        }
        meter.is_let_off(&RequestId::Number(0));
        meter.is_asked(RequestId::Number(-1));
        assert_eq!(meter.why(), None);
        let _on_its_way = meter.answers(Some(&RequestId::Number(1)));
        meter.is_asked(RequestId::Number(-2));
        assert_eq!(meter.why(), Some(Flood::Unanswered));
    }
}
