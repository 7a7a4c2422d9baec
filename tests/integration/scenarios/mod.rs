//! The model's adapter against the bundled server, which is as strict as Gemini and fails like it.

mod breaker;
mod correction;
mod passing;
mod patience;
mod rounds;

use std::sync::Arc;
use std::time::Duration;

use orchestrator::agents::{AgentEvent, Delta, Deltas, Model, ModelError, ModelRequest};
use orchestrator::domain::{Message, Reply, Secret, Tool};
use orchestrator::model::{OpenAiModel, Settings};
use orchestrator::outbound::Outbound;
use orchestrator::resilience::{BreakerSettings, GuardSettings};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::support::doubles::{listener, tool};
use crate::support::model_server::ModelServer;

/// What was said on the way, and what it was in the end.
pub(super) struct Heard {
    pub(super) said: Vec<Delta>,
    pub(super) end: Result<Reply, ModelError>,
}

/// A model that is asked again twice, at once; its breaker opens after 3 failures.
pub(crate) fn settings(server: &ModelServer) -> Settings {
    let breaker = BreakerSettings { max_failures: 3, cool_down: Duration::from_mins(1) };
    let moment = Duration::from_millis(1);
    Settings {
        name: None,
        base_url: server.base_url.clone(),
        api_key: Secret::new("test-key"),
        key_variable: None,
        family: model::ProviderFamily::Gemini,
        model: "gemini-2.5-flash".to_owned(),
        is_chosen: true,
        offline: false,
        first_event_timeout: Duration::from_secs(20),
        stall_timeout: Duration::from_secs(20),
        thinking: model::Thinking::Auto,
        prices: model::Prices::default(),
        guard: GuardSettings {
            breaker,
            retries: 2,
            min_delay: moment,
            max_delay: moment,
            jitter: false,
        },
        outbound: Outbound::default(),
    }
}

/// The same with a breaker that stays closed.
pub(crate) fn patient(server: &ModelServer) -> Settings {
    let mut settings = settings(server);
    settings.guard.breaker.max_failures = 1_000;
    settings
}

pub(crate) fn model(settings: Settings) -> Arc<OpenAiModel> {
    Arc::new(OpenAiModel::new(settings).unwrap())
}

/// Asks for one reply with two tools on offer.
async fn ask(model: &OpenAiModel, text: &str) -> Heard {
    let messages = [Message::User { text: text.to_owned() }];
    ask_within(model, &messages, Duration::from_secs(30)).await
}

async fn ask_within(model: &OpenAiModel, messages: &[Message], limit: Duration) -> Heard {
    let tools = tools();
    let deadline = Instant::now() + limit;
    let request = ModelRequest {
        model: None,
        system: "Be kind.",
        messages,
        images: &[],
        tools: &tools,
        deadline,
    };
    let (heard, mut events) = listener();
    let end = model.reply(request, &Deltas::new(heard)).await;
    let mut said = Vec::new();
    while let Ok(AgentEvent::Said(delta)) = events.try_recv() {
        said.push(delta);
    }
    Heard { said, end }
}

/// One takes arguments that Gemini would refuse as they are.
fn tools() -> Vec<Tool> {
    let schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": {
            "id": { "type": ["string", "null"], "format": "uuid", "default": null },
            "sort": { "oneOf": [{ "const": "a" }, { "type": "integer", "enum": [1] }] },
        },
        "required": ["id", "gone"],
        "additionalProperties": false,
    });
    vec![Tool { schema: Arc::new(schema), ..tool("files.read") }, tool("list")]
}

/// A server with these answers lined up.
pub(crate) async fn scripted(scenarios: &[&str]) -> ModelServer {
    let server = ModelServer::emulate().await;
    let entries: Vec<Value> =
        scenarios.iter().map(|scenario| json!({ "scenario": scenario })).collect();
    server.script(&entries).await;
    server
}

fn text_of(said: &[Delta]) -> String {
    let text = said.iter().map(|delta| match delta {
        Delta::Text(text) => text.as_str(),
        Delta::Thought(_) => "",
    });
    text.collect()
}
