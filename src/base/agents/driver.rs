//! The driver of a run: does what [`Run`] decides, and reports each step. It decides nothing
//! itself.

use std::collections::HashSet;
use std::sync::Arc;

use futures::StreamExt;
use futures::stream;
use jiff::tz::TimeZone;
use tokio::select;
use tokio::time::{Instant, sleep_until};

use super::{
    AgentEvent, Batch, Certainty, Deltas, Finish, Interrupt, Listener, Model, ModelRequest,
    Planned, Progress, Run, Step, ToolEnd, ToolError, ToolRequest, Tools, system_prompt,
};
use crate::domain::{
    CallId, CallKey, Caller, Catalog, Effect, Inquiry, SpendByModel, ToolCall, ToolId, ToolImage,
    ToolOutput, ToolResult,
};

/// How many calls of one batch run at the same time.
const TOGETHER: usize = 8;

pub struct Driver {
    pub model: Arc<dyn Model>,
    /// The chosen model; `None` means the default.
    pub choice: Option<String>,
    pub tools: Arc<dyn Tools>,
    pub caller: Caller,
    /// Defines "today".
    pub time_zone: TimeZone,
    /// When the whole turn must be over.
    pub deadline: Instant,
    /// Stops the run from outside.
    pub interrupt: Interrupt,
    pub listener: Arc<dyn Listener>,
}

/// What became of one call.
enum Called {
    Ended(ToolResult, Vec<ToolImage>),
    /// Its server asks the person first (ADR 44).
    Asks(Box<Inquiry>),
}

/// Drives `run` to its end and returns how often the model was asked.
///
/// # Cancel safety
///
/// Raise the interrupt instead of dropping the future: a call that may change something is then
/// awaited and its result reported. No task outlives the future.
pub async fn drive(mut run: Run, driver: Driver) -> u32 {
    run.go_on(&driver.tools.catalog());
    loop {
        driver.give_up(&mut run);
        match run.step() {
            Step::AskModel => driver.ask_model(&mut run).await,
            Step::CallTools(batches) => driver.call_tools(&mut run, batches).await,
            Step::Done(finish) => {
                driver.tell(AgentEvent::Finished(finish));
                return run.steps();
            }
        }
    }
}

impl Driver {
    async fn ask_model(&self, run: &mut Run) {
        let catalog = self.tools.catalog();
        let system =
            system_prompt(&jiff::Zoned::now().with_time_zone(self.time_zone.clone()), &catalog);
        let deltas = Deltas::new(Arc::clone(&self.listener));
        let request = ModelRequest {
            model: self.choice.as_deref(),
            system: &system,
            messages: run.transcript(),
            images: run.images(),
            tools: &catalog.tools,
            deadline: self.deadline,
        };
        let result = select! {
            // A stop counts more than a reply that comes in the same moment.
            biased;
            finish = self.must_stop() => Err(finish),
            result = self.model.reply(request, &deltas) => result.map_err(Finish::Model),
        };
        // Read after a stop as well: a request that was begun is billed (ADR 16).
        let spent = deltas.spent();
        if spent != SpendByModel::default() {
            run.on_spend(spent.total());
            self.tell(AgentEvent::Spent(Box::new(spent)));
        }
        match result {
            // Its text was cut already, however complete the reply is.
            Ok(_) if self.interrupt.reason() == Some(Finish::TooLong) => run.stop(Finish::TooLong),
            Ok(mut reply) => {
                // Now, while the names mean the tools that the model saw (ADR 1).
                catalog.identify(&mut reply.message.calls);
                // Generated here and stored with the reply: a later try of this call is the same
                // effect (ADR 12).
                let mut ids = HashSet::new();
                for call in &mut reply.message.calls {
                    call.key = Some(CallKey::new_key());
                    // Results are found by the id: a second call with it would pass for answered,
                    // though it waits for a person (ADR 38).
                    if !ids.insert(call.id.clone()) {
                        call.id = CallId::synthesised();
                    }
                }
                self.tell(AgentEvent::Replied(Box::new(reply.clone())));
                run.on_reply(reply, &catalog);
            }
            Err(finish) => run.stop(finish),
        }
    }

    async fn call_tools(&self, run: &mut Run, batches: Vec<Batch>) {
        let catalog = self.tools.catalog();
        let (mut results, mut images) = (Vec::new(), Vec::new());
        for mut batch in batches {
            // The reply with its calls is committed before the first effect (ADR 12).
            if batch.iter().any(changes) {
                self.settled().await;
            }
            run.hold_back(&mut batch);
            let calls: Vec<_> = batch.iter().map(|planned| self.call(planned, &catalog)).collect();
            // `buffered` keeps the order of the calls, which the results must have.
            let answered: Vec<_> = stream::iter(calls).buffered(TOGETHER).collect().await;
            for (planned, answer) in batch.iter().zip(answered) {
                if let Some((result, more)) = self.end(run, &planned.call, answer, &catalog) {
                    results.push(result);
                    images.extend(more);
                }
            }
        }
        let stop = self.stop_reason();
        if stop.is_some() {
            results.extend(run.let_go());
        }
        let results = run.on_results(results);
        run.on_images(images);
        if !results.is_empty() {
            self.tell(AgentEvent::Answered(results));
        }
        // Only after the results are reported: what was done must be known.
        if let Some(finish) = stop {
            run.stop(finish);
        }
    }

    async fn call(&self, planned: &Planned, catalog: &Catalog) -> Called {
        let call = &planned.call;
        let origin = catalog.find_call(call).map(|tool| tool.origin.clone());
        self.tell(AgentEvent::ToolStarted { call: Box::new(call.clone()), origin });
        let answer = match &planned.refusal {
            Some(refusal) => Err(refusal.clone()),
            // Not made, but with a result: providers refuse a call without one (ADR 13).
            None if self.stop_reason().is_some() => Err(ToolError::NotMade),
            None => self.perform(planned).await,
        };
        match answer.map_err(|error| self.told(planned, error)) {
            Err(ToolError::Asks(inquiry)) => Called::Asks(inquiry),
            answer => {
                let (result, images) = self.tell_end(call, answer);
                Called::Ended(result, images)
            }
        }
    }

    /// The result of a call; `None` if it waits for a person.
    fn end(
        &self,
        run: &mut Run,
        call: &ToolCall,
        called: Called,
        catalog: &Catalog,
    ) -> Option<(ToolResult, Vec<ToolImage>)> {
        let inquiry = match called {
            Called::Ended(result, images) => return Some((result, images)),
            Called::Asks(inquiry) => inquiry,
        };
        let Some(given_up) = run.on_inquiry(call, *inquiry, catalog) else {
            self.tell(AgentEvent::ToolWaits(call.id.clone()));
            return None;
        };
        self.give_up(run);
        Some(self.tell_end(call, Err(given_up)))
    }

    /// The servers of calls that nobody is asked about any more are told at once (ADR 44).
    fn give_up(&self, run: &mut Run) {
        run.take_given_up().iter().for_each(|ticket| self.tools.give_up(ticket));
    }

    /// Why a call has no result. One that waited in this process and does not go on is given up.
    fn told(&self, planned: &Planned, error: ToolError) -> ToolError {
        if let Some(ticket) = planned.ticket().filter(|_| error.certainty() == Certainty::NotMade) {
            self.tools.give_up(ticket);
        }
        planned.told(error)
    }

    fn tell_end(
        &self,
        call: &ToolCall,
        answer: Result<ToolOutput, ToolError>,
    ) -> (ToolResult, Vec<ToolImage>) {
        let output = answer.as_ref().map_or_else(ToString::to_string, |output| output.text.clone());
        let (id, name, is_error) = (call.id.clone(), call.name.clone(), answer.is_err());
        let result = ToolResult { id, name, output, is_error, origin: spoken_for(call, &answer) };
        let images = answer.as_ref().map(|output| output.images.clone()).unwrap_or_default();
        self.tell(AgentEvent::ToolFinished(Box::new(ToolEnd { result: result.clone(), answer })));
        (result, images)
    }

    /// A call that only reads is dropped when the run must stop. One that may change something is
    /// awaited within its own time limit, so that its result is known; if it was not sent yet, it
    /// is not sent (ADR 39).
    async fn perform(&self, planned: &Planned) -> Result<ToolOutput, ToolError> {
        let progress = Progress::new(planned.call.id.clone(), Arc::clone(&self.listener));
        let (call, progress) = (&planned.call, &progress);
        let (caller, deadline, interrupt) = (&self.caller, self.deadline, &self.interrupt);
        let resumed = planned.resumed.as_deref();
        let request =
            ToolRequest { call, caller, key: None, deadline, interrupt, progress, resumed };
        let call = self.tools.call(request);
        match planned.effect {
            Effect::Idempotent | Effect::Changes => call.await,
            Effect::ReadOnly => select! {
                biased;
                _ = self.must_stop() => Err(ToolError::NotMade),
                answer = call => answer,
            },
        }
    }

    fn stop_reason(&self) -> Option<Finish> {
        let late = self.deadline <= Instant::now();
        self.interrupt.reason().or_else(|| late.then_some(Finish::Deadline))
    }

    async fn must_stop(&self) -> Finish {
        select! {
            biased;
            finish = self.interrupt.raised() => finish,
            () = sleep_until(self.deadline) => Finish::Deadline,
        }
    }

    /// Waits until the reply is stored. Ends early when the run must stop, and then no call is
    /// made.
    async fn settled(&self) {
        select! {
            biased;
            _ = self.must_stop() => {}
            () = self.listener.settled() => {}
        }
    }

    fn tell(&self, event: AgentEvent) {
        self.listener.on(event);
    }
}

/// Whose words an answer is, if they are not of the tool that was called (ADR 48).
fn spoken_for(call: &ToolCall, answer: &Result<ToolOutput, ToolError>) -> Option<ToolId> {
    let speaker = answer.as_ref().ok()?.origin.id()?;
    (call.tool.as_ref() != Some(speaker)).then(|| speaker.clone())
}

fn changes(planned: &Planned) -> bool {
    planned.effect != Effect::ReadOnly
}
