//! A day on a paused clock: the model and a tool server are each down for one hundredth of it.

use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::future::{BoxFuture, ready};
use orchestrator::agents::{
    Delta, Deltas, Model, ModelError, ModelRequest, ToolError, ToolRequest, Tools,
};
use orchestrator::domain::{Catalog, Message, Outcome, Reply, ToolOutput};
use orchestrator::resilience::{
    BreakerSettings, Fault, Guard, GuardRefusal, GuardSettings, Repeat, Verdict,
};
use serde_json::json;
use tokio::time::{Instant, sleep};

use crate::support::app::{Choices, TestApp};
use crate::support::doubles::{catalog, reply, said, tool_calls};

const DAY: Duration = Duration::from_hours(24);
/// One turn so often.
const PAUSE: Duration = Duration::from_secs(20);
/// Each outage is so long, and there are enough of them for one hundredth of the day.
const OUTAGE: Duration = Duration::from_secs(36);
const OUTAGES: u64 = 24;

/// A dependency that is down at times.
struct Shaky {
    guard: Guard,
    begun: Instant,
    outages: Vec<Duration>,
}

#[derive(Clone, Debug)]
enum Broken {
    Refused,
    Down,
}

impl From<GuardRefusal> for Broken {
    fn from(_: GuardRefusal) -> Self {
        Self::Refused
    }
}

impl Fault for Broken {
    fn verdict(&self) -> Verdict {
        match self {
            Self::Refused => Verdict::Nothing,
            Self::Down => Verdict::Ill,
        }
    }

    fn repeat(&self) -> Repeat {
        match self {
            Self::Refused => Repeat::Never,
            Self::Down => Repeat::AfterBackoff,
        }
    }
}

impl Shaky {
    fn new(seed: u64, max_failures: u32, cool_down: u64) -> Arc<Self> {
        let breaker = BreakerSettings { max_failures, cool_down: Duration::from_secs(cool_down) };
        let (min_delay, max_delay) = (Duration::from_millis(200), Duration::from_secs(2));
        let settings = GuardSettings { breaker, retries: 2, min_delay, max_delay, jitter: true };
        let mut random = seed;
        let outages = (0..OUTAGES).map(|_| {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            Duration::from_secs((random >> 33) % DAY.as_secs())
        });
        let (guard, begun) = (Guard::new("shaky", settings), Instant::now());
        Arc::new(Self { guard, begun, outages: outages.collect() })
    }

    async fn call(&self, deadline: Instant) -> Result<(), Broken> {
        let attempt = || async {
            sleep(Duration::from_millis(300)).await;
            let now = self.begun.elapsed();
            let down = self.outages.iter().any(|from| (*from..*from + OUTAGE).contains(&now));
            if down { Err(Broken::Down) } else { Ok(()) }
        };
        self.guard.call(Duration::from_secs(30), deadline, attempt).await
    }
}

impl Model for Shaky {
    fn reply<'a>(
        &'a self,
        request: ModelRequest<'a>,
        deltas: &'a Deltas,
    ) -> BoxFuture<'a, Result<Reply, ModelError>> {
        async move {
            if self.call(request.deadline).await.is_err() {
                let reason = "down".to_owned();
                return Err(ModelError::Unavailable { reason, retry_in: None });
            }
            let Some(Message::Tools { results }) = request.messages.last() else {
                return Ok(reply("", tool_calls(&[("read_a", json!({}))])));
            };
            let text = &results[0].output;
            deltas.say(Delta::Text(text.clone()));
            Ok(reply(text, Vec::new()))
        }
        .boxed()
    }

    fn refuses_for(&self) -> Option<Duration> {
        None
    }
}

impl Tools for Shaky {
    fn settled(&self) -> BoxFuture<'_, ()> {
        ready(()).boxed()
    }

    fn catalog(&self) -> Arc<Catalog> {
        Arc::new(catalog(&["read_a"]))
    }

    fn give_up(&self, _: &str) {}

    fn call<'a>(
        &'a self,
        request: ToolRequest<'a>,
    ) -> BoxFuture<'a, Result<ToolOutput, ToolError>> {
        let made = async move { Self::call(self, request.deadline).await };
        made.map(|made| made.map(|()| said("fine", "read_a")).map_err(|_| ToolError::Unavailable))
            .boxed()
    }
}

#[tokio::test(start_paused = true)]
async fn every_turn_of_a_shaky_day_ends_honestly_in_time_and_nearly_all_are_answered() {
    let (model, tools) = (Shaky::new(7, 3, 60), Shaky::new(11, 5, 30));
    let app = TestApp::new(Choices { model, tools, ..Choices::default() }).await;
    let (start, mut all, mut honest, mut answered) = (Instant::now(), 0, 0, 0);

    while start.elapsed() < DAY {
        let begun = Instant::now();
        let answer = app.ask(&json!({ "message": "how is it?" })).await.json();
        all += 1;
        let completed = answer["outcome"] == Outcome::Completed.as_str();
        let told = !answer["message"].as_str().unwrap().is_empty();
        honest += u32::from(told && begun.elapsed() < Duration::from_mins(2));
        answered += u32::from(completed);
        sleep(PAUSE).await;
    }

    let share = f64::from(answered) / f64::from(all) * 100.0;
    println!("{all} turns, {honest} ended honestly in time, {share:.2} % answered");
    assert_eq!(honest, all);
    assert!(share > 97.0, "{share}");
}
