//! A deadline that each sign of life extends.
//!
//! The timer is not moved each time: if it fires too early, it is set again. Moving it for each
//! event of a stream would read the clock twice and wake the runtime for nothing (ADR 25).

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

/// A future that ends when a silence lasts too long. After `renew` it can be awaited again.
#[derive(Debug)]
pub struct Patience {
    until: Instant,
    /// The span that was granted last.
    span: Duration,
    /// Longest silence between two signs of life.
    silence: Duration,
    alarm: Pin<Box<Sleep>>,
}

impl Patience {
    /// The first sign of life must come by `until`, each further one within `silence`.
    pub fn new(until: Instant, silence: Duration) -> Self {
        let span = until.saturating_duration_since(Instant::now());
        Self { until, span, silence, alarm: Box::pin(sleep_until(until)) }
    }

    /// A sign that work continues, such as a comment: grants the last span again, but does not end
    /// the longer wait for the first event.
    pub fn prolong(&mut self) {
        self.until = Instant::now() + self.span;
    }

    /// From now on no silence may be longer than `within`.
    pub fn expect_end(&mut self, within: Duration) {
        self.silence = self.silence.min(within);
    }

    /// A sign of life: the next one must come within the limit on silence.
    pub fn renew(&mut self) {
        self.span = self.silence;
        self.until = Instant::now() + self.silence;
        // An earlier end is the only case in which the timer would fire too late.
        if self.until < self.alarm.deadline() {
            self.alarm.as_mut().reset(self.until);
        }
    }
}

impl Future for Patience {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        loop {
            ready!(self.alarm.as_mut().poll(context));
            let until = self.until;
            if self.alarm.deadline() >= until {
                return Poll::Ready(());
            }
            self.alarm.as_mut().reset(until);
        }
    }
}
