//! The brain of a run: decides every step, performs none. It does no IO and reads no clock.

use serde_json::{Map, Value};

use super::asking::{is_built_in, questions};
use super::{Finish, SpendBudget, ToolError, bytes_of_tokens, shorten_results};
use crate::domain::{Catalog, Effect, Message, Question, Reply, Spend, ToolCall, ToolResult};

/// After so many equal calls the model is told.
const REPEATS_TOLD: usize = 3;
/// After so many equal calls the run ends.
const REPEATS_FATAL: usize = 5;

#[derive(Debug)]
pub struct Run {
    transcript: Vec<Message>,
    limits: RunLimits,
    /// In bytes: the limit of what the model is sent.
    room: usize,
    steps: u32,
    spent: Spend,
    earlier_calls: Vec<EarlierCall>,
    asked: Vec<Question>,
    next: Next,
}

#[derive(Clone, Copy, Debug)]
pub struct RunLimits {
    /// How often the model may be asked.
    pub max_steps: u32,
    pub budget: SpendBudget,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// Ask the model, then call [`Run::on_reply`] or [`Run::stop`].
    AskModel,
    /// Perform these batches in order, then call [`Run::on_results`].
    CallTools(Vec<Batch>),
    Done(Finish),
}

/// Calls that may run at the same time.
pub type Batch = Vec<Planned>;

#[derive(Clone, Debug, PartialEq)]
pub struct Planned {
    pub call: ToolCall,
    pub effect: Effect,
    /// If set, the call is not made, and this is its result.
    pub refusal: Option<ToolError>,
}

#[derive(Debug)]
enum Next {
    Model,
    Tools(Vec<Batch>),
    Stop(Finish),
}

#[derive(Debug)]
struct EarlierCall {
    name: String,
    arguments: Map<String, Value>,
    times: usize,
}

impl Run {
    /// Starts a run whose transcript ends with the user's message, or with what an earlier try did
    /// for it: then [`Self::go_on`] comes first.
    pub fn new(transcript: Vec<Message>, limits: RunLimits) -> Self {
        let (spent, earlier_calls, asked) = (Spend::default(), Vec::new(), Vec::new());
        let room = usize::MAX;
        Self { transcript, limits, room, steps: 0, spent, earlier_calls, asked, next: Next::Model }
    }

    /// Limits what the model is sent to about so many tokens, whatever the tools answer.
    #[must_use]
    pub fn within(self, tokens: usize) -> Self {
        Self { room: bytes_of_tokens(tokens), ..self }
    }

    /// Plans the calls at the end of the transcript, which an earlier try left open (ADR 12).
    pub fn go_on(&mut self, catalog: &Catalog) {
        if let Some(Message::Assistant(said)) = self.transcript.last() {
            let calls = said.calls.clone();
            self.plan_all(calls, catalog);
        }
    }

    /// What the model is sent.
    pub fn transcript(&self) -> &[Message] {
        &self.transcript
    }

    /// How often the model was asked.
    pub const fn steps(&self) -> u32 {
        self.steps
    }

    pub fn step(&mut self) -> Step {
        match &mut self.next {
            Next::Stop(finish) => Step::Done(finish.clone()),
            Next::Tools(batches) => Step::CallTools(std::mem::take(batches)),
            Next::Model => self.ask(),
        }
    }

    /// Adds the cost of a request to the model.
    pub fn on_spend(&mut self, spend: Spend) {
        self.spent += spend;
    }

    /// Adds a reply and plans its calls.
    pub fn on_reply(&mut self, reply: Reply, catalog: &Catalog) {
        let calls = reply.message.calls.clone();
        self.transcript.push(Message::Assistant(reply.message));
        // Unless there are calls. Those decide, not the finish reason of the provider (ADR 2).
        self.next = Next::Stop(Finish::Completed);
        self.plan_all(calls, catalog);
    }

    /// Adds the results: one per call, in the order of the calls.
    pub fn on_results(&mut self, mut results: Vec<ToolResult>) -> Vec<ToolResult> {
        if let Some(Message::Assistant(reply)) = self.transcript.last() {
            for (call, result) in reply.calls.iter().zip(&mut results) {
                if self.times(call) == REPEATS_TOLD {
                    result.output.push_str(TOLD_OF_REPEATS);
                }
            }
        }
        self.transcript.push(Message::Tools { results: results.clone() });
        self.next = match self.earlier_calls.iter().find(|call| call.times >= REPEATS_FATAL) {
            Some(call) => Next::Stop(Finish::Repeated { tool: call.name.clone() }),
            None if self.asked.is_empty() => Next::Model,
            None => Next::Stop(Finish::Asked(std::mem::take(&mut self.asked))),
        };
        results
    }

    pub fn stop(&mut self, finish: Finish) {
        self.next = Next::Stop(finish);
    }

    /// Asks the model again, unless a limit is reached.
    fn ask(&mut self) -> Step {
        // Checked here, where the calls of the last reply are made and nothing is half done
        // (ADR 16).
        if self.steps >= self.limits.max_steps {
            return Step::Done(Finish::StepLimit { steps: self.steps });
        }
        if let Some(over) = self.limits.budget.reached_by(&self.spent) {
            return Step::Done(Finish::OverBudget(Box::new(over)));
        }
        self.steps += 1;
        shorten_results(&mut self.transcript, self.room);
        Step::AskModel
    }

    fn plan_all(&mut self, calls: Vec<ToolCall>, catalog: &Catalog) {
        if !calls.is_empty() {
            let plan = calls.into_iter().map(|call| self.plan(call, catalog));
            self.next = Next::Tools(batches(plan));
        }
    }

    fn plan(&mut self, call: ToolCall, catalog: &Catalog) -> Planned {
        let Some(arguments) = call.object() else {
            return refused(call, ToolError::Arguments);
        };
        let Some(tool) = catalog.find_call(&call) else {
            return refused(call, ToolError::Unknown);
        };
        if is_built_in(tool) {
            return self.plan_questions(call);
        }
        if self.note(&call.name, arguments) >= REPEATS_FATAL {
            return refused(call, ToolError::Repeated);
        }
        Planned { call, effect: tool.effect(), refusal: None }
    }

    /// Questions end the run, after the other calls of the reply were made (ADR 13).
    fn plan_questions(&mut self, call: ToolCall) -> Planned {
        match questions(&call) {
            // One form ends the turn, so a second one would never be answered.
            Ok(_) if !self.asked.is_empty() => refused(call, ToolError::Questions),
            Ok(asked) => {
                self.asked = asked;
                Planned { call, effect: Effect::ReadOnly, refusal: None }
            }
            Err(refusal) => refused(call, refusal),
        }
    }

    /// Counts a call; returns how often it was made.
    fn note(&mut self, name: &str, arguments: Map<String, Value>) -> usize {
        // Compared as JSON: another order of the members is the same call.
        let known = |call: &&mut EarlierCall| call.name == name && call.arguments == arguments;
        if let Some(earlier) = self.earlier_calls.iter_mut().find(known) {
            earlier.times += 1;
            return earlier.times;
        }
        self.earlier_calls.push(EarlierCall { name: name.to_owned(), arguments, times: 1 });
        1
    }

    fn times(&self, call: &ToolCall) -> usize {
        let Some(arguments) = call.object() else { return 0 };
        let known =
            |earlier: &&EarlierCall| earlier.name == call.name && earlier.arguments == arguments;
        self.earlier_calls.iter().find(known).map_or(0, |earlier| earlier.times)
    }
}

const TOLD_OF_REPEATS: &str = "\n[You have made the same call three times now. \
     The answer will not change: use it, or tell the user what is in the way.]";

fn refused(call: ToolCall, refusal: ToolError) -> Planned {
    // It is not made, so it may run beside others.
    Planned { call, effect: Effect::ReadOnly, refusal: Some(refusal) }
}

/// Neighbouring calls that only read run together; any other call runs alone, in its place.
fn batches(plan: impl Iterator<Item = Planned>) -> Vec<Batch> {
    let mut batches: Vec<Batch> = Vec::new();
    for planned in plan {
        match batches.last_mut() {
            Some(batch) if reads(&planned) && batch.iter().all(reads) => batch.push(planned),
            _ => batches.push(vec![planned]),
        }
    }
    batches
}

fn reads(planned: &Planned) -> bool {
    planned.effect == Effect::ReadOnly
}
