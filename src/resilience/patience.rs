//! A deadline that moves on with each sign of life.
//!
//! Its timer is left alone while it does: one that rings too early is set again. To set it anew
//! each time would take the runtime's clock twice and wake it for nothing.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

/// Ends when a silence lasts too long; once renewed, it can be waited for again.
#[derive(Debug)]
pub struct Patience {
    until: Instant,
    /// What was granted last.
    span: Duration,
    /// The longest silence between two signs of life.
    silence: Duration,
    alarm: Pin<Box<Sleep>>,
}

impl Patience {
    /// The first sign of life must come by `until`, each further one within `silence`.
    pub fn new(until: Instant, silence: Duration) -> Self {
        let span = until.saturating_duration_since(Instant::now());
        Self { until, span, silence, alarm: Box::pin(sleep_until(until)) }
    }

    /// There was a word that it is being worked on: what was granted last is granted anew.
    pub fn prolong(&mut self) {
        self.until = Instant::now() + self.span;
    }

    /// From now on no silence may be longer than this.
    pub fn expect_end(&mut self, within: Duration) {
        self.silence = self.silence.min(within);
    }

    /// There was a sign of life.
    pub fn renew(&mut self) {
        self.span = self.silence;
        self.until = Instant::now() + self.silence;
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
