//! Doubles for the agent's ports: for faults that a real part cannot be told to have.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::FutureExt;
use futures::future::{BoxFuture, pending, ready};
use orchestrator::agents::{
    AgentEvent, Delta, Deltas, Listener, Model, ModelError, ModelRequest, SeenImage, ToolError,
    ToolRequest, Tools,
};
use orchestrator::domain::{
    Assistant, Catalog, Cost, Hints, Message, ModelSpend, Owner, Reply, Spend, Tool, ToolCall,
    ToolId, ToolOrigin, ToolOutput, Trust, Usage,
};
use serde_json::{Value, json};
use tokio::sync::{Semaphore, mpsc};

/// What a scripted model does when it is asked.
#[derive(Clone, Debug)]
pub(crate) enum Act {
    /// Says the pieces, then ends so.
    Say(Vec<Delta>, Result<Reply, ModelError>),
    /// Says the pieces, then nothing, for ever.
    Hang(Vec<Delta>),
    /// Says this, at a price that nobody knows.
    Unpriced(String),
}

/// A model that acts from a script and keeps what it was asked.
#[derive(Default)]
pub(crate) struct ScriptedModel {
    script: Mutex<VecDeque<Act>>,
    asked: Mutex<Vec<Asked>>,
    refuses: Option<Duration>,
    /// What can be chosen.
    choices: Vec<Arc<str>>,
}

/// What a model was asked.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) model: Option<String>,
    pub(crate) system: String,
    pub(crate) messages: Vec<Message>,
    pub(crate) tools: Vec<String>,
    pub(crate) images: Vec<SeenImage>,
}

impl ScriptedModel {
    pub(crate) fn new(script: impl IntoIterator<Item = Act>) -> Arc<Self> {
        Arc::new(Self { script: Mutex::new(script.into_iter().collect()), ..Self::default() })
    }

    /// A model whose breaker is open.
    pub(crate) fn refusing(
        script: impl IntoIterator<Item = Act>,
        refuses: Option<Duration>,
    ) -> Arc<Self> {
        let script = Mutex::new(script.into_iter().collect());
        Arc::new(Self { script, refuses, ..Self::default() })
    }

    /// A model that is several.
    pub(crate) fn of_choices(choices: &[&str], script: impl IntoIterator<Item = Act>) -> Arc<Self> {
        let script = Mutex::new(script.into_iter().collect());
        let choices = choices.iter().copied().map(Arc::from).collect();
        Arc::new(Self { script, choices, ..Self::default() })
    }

    /// Acts so after what it was told before.
    pub(crate) fn goes_on(&self, script: impl IntoIterator<Item = Act>) {
        self.script.lock().unwrap().extend(script);
    }

    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}

impl Model for ScriptedModel {
    fn reply<'a>(
        &'a self,
        request: ModelRequest<'a>,
        deltas: &'a Deltas,
    ) -> BoxFuture<'a, Result<Reply, ModelError>> {
        self.asked.lock().unwrap().push(Asked {
            model: request.model.map(str::to_owned),
            system: request.system.to_owned(),
            messages: request.messages.to_vec(),
            tools: request.tools.iter().map(|tool| tool.name.clone()).collect(),
            images: request.images.to_vec(),
        });
        let act = self.script.lock().unwrap().pop_front();
        async move {
            let mut spend = one_call();
            let (pieces, end) = match act {
                Some(Act::Say(pieces, end)) => (pieces, Some(end)),
                Some(Act::Unpriced(text)) => {
                    spend = Spend::of_call(spend.usage, None);
                    (vec![Delta::Text(text.clone())], Some(Ok(reply(&text, Vec::new()))))
                }
                Some(Act::Hang(pieces)) => (pieces, None),
                None => (Vec::new(), Some(Err(ModelError::Failed("the script is over".into())))),
            };
            for piece in pieces {
                deltas.say(piece);
            }
            deltas.spend(ModelSpend::request("scripted", spend));
            match end {
                Some(end) => end,
                None => pending().await,
            }
        }
        .boxed()
    }

    fn choices(&self) -> &[Arc<str>] {
        &self.choices
    }

    fn refuses_for(&self) -> Option<Duration> {
        self.refuses
    }
}

/// A listener that hands on what it hears.
pub(crate) fn listener() -> (Arc<dyn Listener>, mpsc::UnboundedReceiver<AgentEvent>) {
    let (sender, events) = mpsc::unbounded_channel();
    (Arc::new(HandingOn(sender)), events)
}

struct HandingOn(mpsc::UnboundedSender<AgentEvent>);

impl Listener for HandingOn {
    fn on(&self, event: AgentEvent) {
        drop(self.0.send(event));
    }

    fn settled(&self) -> BoxFuture<'_, ()> {
        ready(()).boxed()
    }
}

/// Tools whose answers are given; calls wait for leave if they are gated.
pub(crate) struct FakeTools {
    catalog: Arc<Catalog>,
    pub(crate) calls: Mutex<Vec<String>>,
    callers: Mutex<Vec<Owner>>,
    /// Each call takes one permit and keeps it.
    pub(crate) gate: Semaphore,
    pub(crate) running: Mutex<Vec<usize>>,
    now_running: Mutex<usize>,
}

impl FakeTools {
    /// `read_*` tools only read, `set_*` tools are idempotent, `wipe*` tools say that they destroy, all
    /// others change something and say nothing.
    pub(crate) fn new(names: &[&str]) -> Arc<Self> {
        Self::of(names.iter().map(|name| tool(name)).collect())
    }

    pub(crate) fn of(tools: Vec<Tool>) -> Arc<Self> {
        Arc::new(Self {
            catalog: Arc::new(Catalog { tools, ..Catalog::default() }),
            calls: Mutex::default(),
            callers: Mutex::default(),
            gate: Semaphore::new(1_000),
            running: Mutex::default(),
            now_running: Mutex::default(),
        })
    }

    pub(crate) fn without_servers() -> Arc<Self> {
        let mut tools = Self::new(&[]);
        let missing = vec![Arc::from("todo")];
        Arc::get_mut(&mut tools).unwrap().catalog =
            Arc::new(Catalog { missing, ..Catalog::default() });
        tools
    }

    pub(crate) fn made(&self) -> Vec<String> {
        self.calls.lock().unwrap().clone()
    }

    /// For whom, in the same order.
    pub(crate) fn callers(&self) -> Vec<Owner> {
        self.callers.lock().unwrap().clone()
    }

    /// The most calls that ran at the same time.
    pub(crate) fn most_together(&self) -> usize {
        self.running.lock().unwrap().iter().copied().max().unwrap_or_default()
    }
}

impl Tools for FakeTools {
    fn settled(&self) -> BoxFuture<'_, ()> {
        ready(()).boxed()
    }

    fn catalog(&self) -> Arc<Catalog> {
        Arc::clone(&self.catalog)
    }

    fn give_up(&self, _: &str) {}

    fn call<'a>(
        &'a self,
        request: ToolRequest<'a>,
    ) -> BoxFuture<'a, Result<ToolOutput, ToolError>> {
        let call = request.call;
        async move {
            {
                let mut now = self.now_running.lock().unwrap();
                *now += 1;
                self.running.lock().unwrap().push(*now);
            }
            tokio::task::yield_now().await;
            self.gate.acquire().await.unwrap().forget();
            *self.now_running.lock().unwrap() -= 1;
            self.callers.lock().unwrap().push(request.caller.owner.clone());
            self.calls.lock().unwrap().push(format!("{} {}", call.name, call.arguments));
            match call.name.as_str() {
                "read_slow" => {
                    request.progress.say("half way".to_owned());
                    tokio::task::yield_now().await;
                    Ok(said("read at last", "read_slow"))
                }
                "read_broken" => Err(ToolError::Refused("it is broken".to_owned())),
                name => Ok(said(&format!("{name} says yes"), name)),
            }
        }
        .boxed()
    }
}

/// A tool by its name.
pub(crate) fn tool(name: &str) -> Tool {
    let hints = match name.split('_').next() {
        Some("read") => Hints { read_only: true, ..Hints::default() },
        Some("set") => Hints { idempotent: true, destructive: false, ..Hints::default() },
        _ => Hints::default(),
    };
    Tool {
        name: name.to_owned(),
        title: None,
        description: String::new(),
        schema: Arc::new(json!({ "type": "object" })),
        origin: origin(name),
        hints,
        is_annotated: name.starts_with("wipe"),
        tells_reach: false,
        trust: Trust::Trusted,
        approval: None,
        honours_keys: false,
    }
}

/// What a tool says, and nothing else.
pub(crate) fn said(text: &str, tool: &str) -> ToolOutput {
    ToolOutput::plain(text.to_owned(), origin(tool))
}

fn origin(tool: &str) -> ToolOrigin {
    ToolOrigin::Server(ToolId { server: "fake".into(), tool: tool.into() })
}

/// A catalog of tools by their names.
pub(crate) fn catalog(names: &[&str]) -> Catalog {
    Catalog { tools: names.iter().map(|name| tool(name)).collect(), ..Catalog::default() }
}

/// The model answers in text, word by word.
pub(crate) fn says(text: &str) -> Act {
    let pieces = text.split_inclusive(' ').map(|word| Delta::Text(word.to_owned())).collect();
    Act::Say(pieces, Ok(reply(text, Vec::new())))
}

/// The same, at a price that nobody knows.
pub(crate) fn unpriced(text: &str) -> Act {
    Act::Unpriced(text.to_owned())
}

/// The model calls tools.
pub(crate) fn calls(calls: &[(&str, Value)]) -> Act {
    Act::Say(Vec::new(), Ok(reply("", tool_calls(calls))))
}

/// The model fails before it says anything.
pub(crate) fn fails(error: ModelError) -> Act {
    Act::Say(Vec::new(), Err(error))
}

/// A whole reply.
pub(crate) fn reply(text: &str, calls: Vec<ToolCall>) -> Reply {
    let message = Assistant { text: text.to_owned(), calls, extra: None, by: None };
    Reply { message }
}

/// What each call of a scripted model costs: ten tokens in, two out, and a thousandth of a dollar.
pub(crate) fn one_call() -> Spend {
    let usage = Usage { input_tokens: 10, output_tokens: 2, ..Usage::default() };
    Spend::of_call(usage, Some(Cost::from_nanos(1_000_000)))
}

/// Calls with ids `call_0`, `call_1` …
pub(crate) fn tool_calls(calls: &[(&str, Value)]) -> Vec<ToolCall> {
    let call = |(index, (name, arguments)): (usize, &(&str, Value))| ToolCall {
        id: format!("call_{index}").into(),
        name: (*name).to_owned(),
        tool: None,
        arguments: arguments.to_string(),
        extra: None,
        key: None,
    };
    calls.iter().enumerate().map(call).collect()
}
