//! A name server that says what it is told to, and counts how often it is asked.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};

use futures::FutureExt;
use futures::future::{BoxFuture, ready};
use orchestrator::outbound::{LookedUp, Names, Outbound, ReachableNetworks};

#[derive(Debug)]
pub(crate) struct FakeNames {
    answers: Mutex<VecDeque<Vec<IpAddr>>>,
    asked: Mutex<Vec<String>>,
}

impl FakeNames {
    /// Gives `answers` in turn, and the last of them for ever.
    pub(crate) fn answering(answers: &[&[&str]]) -> Arc<Self> {
        let parsed = |answer: &&[&str]| answer.iter().map(|it| it.parse().unwrap()).collect();
        let answers = Mutex::new(answers.iter().map(parsed).collect());
        Arc::new(Self { answers, asked: Mutex::default() })
    }

    /// The names that were looked up, in order.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }

    /// The way out by these names.
    pub(crate) fn outbound(self: &Arc<Self>, networks: ReachableNetworks) -> Outbound {
        Outbound::to(networks).with_names(Arc::clone(self) as _)
    }
}

impl Names for FakeNames {
    fn look_up(&self, name: &str) -> BoxFuture<'static, LookedUp> {
        self.asked.lock().unwrap().push(name.to_owned());
        let mut answers = self.answers.lock().unwrap();
        let answer = if answers.len() > 1 { answers.pop_front() } else { answers.front().cloned() };
        ready(Ok(answer.unwrap())).boxed()
    }
}
