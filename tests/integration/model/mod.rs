//! The model adapter against a provider on a real socket.

mod addresses;
mod bills;
mod bytes;
mod connections;
mod estimates;
mod guarded;
mod inspection;
mod sight;

use std::sync::Arc;
use std::time::Duration;

use orchestrator::agents::{AgentEvent, Delta, Deltas, Model, ModelError, ModelRequest, SeenImage};
use orchestrator::domain::{
    BreakerReport, BreakerState, CallCounts, Detail, HealthProbe, Message, Reply, Secret,
};
use orchestrator::model::{OpenAiModel, Settings};
use orchestrator::outbound::{Outbound, ReachableNetworks};
use orchestrator::resilience::{BreakerSettings, GuardSettings};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::support::doubles::listener;
use crate::support::scripted_http::{Answer, ScriptedHttp};

/// A model and the server that it asks.
struct Asked {
    server: ScriptedHttp,
    model: OpenAiModel,
}

/// What is told of the model in health reports.
struct Health {
    state: BreakerState,
    calls: CallCounts,
    advice: Option<String>,
    cooling: Option<f64>,
}

impl Asked {
    async fn answering(answers: Vec<Answer>) -> Self {
        Self::with(answers, |_| {}).await
    }

    async fn with(answers: Vec<Answer>, change: impl FnOnce(&mut Settings)) -> Self {
        let server = ScriptedHttp::start(answers).await;
        let mut settings = settings(&server.base_url);
        change(&mut settings);
        Self { server, model: OpenAiModel::new(settings).unwrap() }
    }

    async fn reply(&self) -> (Vec<Delta>, Result<Reply, ModelError>) {
        self.reply_within(Duration::from_mins(1)).await
    }

    async fn reply_within(&self, time: Duration) -> (Vec<Delta>, Result<Reply, ModelError>) {
        let (deltas, mut said) = channel();
        let reply = ask(&self.model, &deltas, time).await;
        drop(deltas);
        let mut heard = Vec::new();
        while let Some(delta) = said.recv().await {
            heard.push(delta);
        }
        (heard, reply)
    }

    fn requests(&self) -> usize {
        self.server.bodies().len()
    }

    fn health(&self) -> Health {
        let report = self.model.report().remove(0);
        let Detail::Model { advice, .. } = report.detail else { unreachable!("a model reports") };
        let BreakerReport { state, calls, cooling_seconds: cooling, .. } = report.breaker;
        Health { state, calls, advice, cooling }
    }
}

async fn ask(model: &OpenAiModel, deltas: &Deltas, time: Duration) -> Result<Reply, ModelError> {
    ask_showing(model, &[], deltas, Instant::now() + time).await
}

/// The same after a tool has answered with images.
async fn ask_showing(
    model: &OpenAiModel,
    images: &[SeenImage],
    deltas: &Deltas,
    deadline: Instant,
) -> Result<Reply, ModelError> {
    let results = Message::Tools { results: Vec::new() };
    let messages = [Message::User { text: "Hi".to_owned() }, results];
    model
        .reply(
            ModelRequest {
                model: None,
                system: "S",
                messages: &messages,
                images,
                tools: &[],
                deadline,
            },
            deltas,
        )
        .await
}

/// Room for all that a test says: nobody listens while the model speaks.
fn channel() -> (Deltas, Said) {
    let (heard, said) = listener();
    (Deltas::new(heard), Said(said))
}

/// What a model says, piece by piece.
struct Said(mpsc::UnboundedReceiver<AgentEvent>);

impl Said {
    async fn recv(&mut self) -> Option<Delta> {
        let AgentEvent::Said(delta) = self.0.recv().await? else {
            unreachable!("a model only speaks")
        };
        Some(delta)
    }
}

fn settings(base_url: &str) -> Settings {
    let breaker = BreakerSettings { max_failures: 3, cool_down: Duration::from_mins(1) };
    let (min_delay, max_delay) = (Duration::from_millis(1), Duration::from_millis(2));
    let guard = GuardSettings { breaker, retries: 2, min_delay, max_delay, jitter: false };
    Settings {
        name: None,
        base_url: base_url.to_owned(),
        api_key: Secret::new("key"),
        key_variable: None,
        family: model::ProviderFamily::Gemini,
        model: "gemini-2.5-flash".to_owned(),
        is_chosen: true,
        offline: false,
        first_event_timeout: Duration::from_secs(20),
        stall_timeout: Duration::from_secs(20),
        thinking: model::Thinking::Auto,
        prices: model::Prices::default(),
        guard,
        outbound: Outbound::default(),
    }
}

/// A piece of an answer.
fn piece(text: &str, finish: Option<&str>) -> Value {
    let delta = json!({"content": text, "role": "assistant"});
    let choice = match finish {
        Some(finish) => json!({"delta": delta, "finish_reason": finish, "index": 0}),
        None => json!({"delta": delta, "index": 0}),
    };
    json!({"choices": [choice], "object": "chat.completion.chunk"})
}

fn good() -> Answer {
    Answer::events(&[piece("Hello", None), piece(".", Some("stop"))])
}

fn refusal(status: u16, word: &str, message: &str) -> Answer {
    let body = json!([{"error": {"code": status, "message": message, "status": word}}]);
    Answer::whole(status, "application/json; charset=UTF-8", &body.to_string())
}

fn words(deltas: &[Delta]) -> String {
    let word = |delta: &Delta| match delta {
        Delta::Text(text) => text.clone(),
        Delta::Thought(_) => String::new(),
    };
    deltas.iter().map(word).collect()
}
