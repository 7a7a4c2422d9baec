//! The brain of a run: decides every step, performs none. It does no IO and reads no clock.

use super::approval::{ApprovalDesk, CallDecision};
use super::asking::{asks_user, questions};
use super::earlier_calls::EarlierCalls;
use super::images::see;
use super::inquiries::{InquiredCall, InquiryDesk, InquiryVerdict, InquiryVerdicts, has_parked};
use super::plan::{Batch, Planned, batches, made, refused};
use super::{
    Approvals, Finish, HeldCall, Reading, SeenImage, SpendBudget, ToolError, bytes_of_tokens,
    open_calls, shorten_results,
};
use crate::domain::{
    Catalog, Effect, Inquiry, Message, Question, Reply, Spend, Tool, ToolCall, ToolImage,
    ToolResult,
};

/// So many calls of one reply may wait for a person: as many as a form takes answers.
const MAX_HELD: usize = 100;

#[derive(Debug)]
pub struct Run {
    transcript: Vec<Message>,
    limits: RunLimits,
    /// In bytes: the limit of what the model is sent.
    room: usize,
    steps: u32,
    spent: Spend,
    earlier_calls: EarlierCalls,
    asked: Vec<Question>,
    approvals: ApprovalDesk,
    /// Calls of the last reply that wait for a person.
    held: Vec<(ToolCall, HeldCall)>,
    /// Calls of it whose servers ask the person.
    inquiries: InquiryDesk,
    /// What the person answered to servers.
    replies: InquiryVerdicts,
    /// Results of its other calls, from an earlier turn.
    answered: Vec<ToolResult>,
    /// What the model sees of its tools' images.
    images: Vec<SeenImage>,
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

#[derive(Debug)]
enum Next {
    Model,
    Tools(Vec<Batch>),
    Stop(Finish),
}

impl Run {
    /// Starts a run whose transcript ends with the user's message, or with what an earlier try did
    /// for it: then [`Self::go_on`] comes first.
    pub fn new(transcript: Vec<Message>, limits: RunLimits) -> Self {
        Self {
            transcript,
            limits,
            room: usize::MAX,
            steps: 0,
            spent: Spend::default(),
            earlier_calls: EarlierCalls::default(),
            asked: Vec::new(),
            approvals: ApprovalDesk::default(),
            held: Vec::new(),
            inquiries: InquiryDesk::default(),
            replies: InquiryVerdicts::default(),
            answered: Vec::new(),
            images: Vec::new(),
            next: Next::Model,
        }
    }

    /// With what is known of approvals (ADR 38).
    #[must_use]
    pub fn with_approvals(self, approvals: Approvals) -> Self {
        let approvals = ApprovalDesk::new(approvals, &self.transcript);
        Self { approvals, ..self }
    }

    /// With what the person answered to servers (ADR 44).
    #[must_use]
    pub fn with_replies(self, replies: InquiryVerdicts) -> Self {
        Self { replies, ..self }
    }

    /// Limits what the model is sent to about so many tokens, whatever the tools answer.
    #[must_use]
    pub fn within(self, tokens: usize) -> Self {
        Self { room: bytes_of_tokens(tokens), ..self }
    }

    /// Plans the calls at the end of the transcript, which an earlier try left open (ADR 12) or for
    /// which a person was asked (ADR 38).
    pub fn go_on(&mut self, catalog: &Catalog) {
        let calls: Vec<_> = open_calls(&self.transcript).into_iter().cloned().collect();
        if !calls.is_empty() {
            self.take_answered();
            self.plan_all(calls, catalog);
        }
        self.inquiries.forget(&std::mem::take(&mut self.replies));
    }

    /// What the model is sent.
    pub fn transcript(&self) -> &[Message] {
        &self.transcript
    }

    /// What the model is shown.
    pub fn images(&self) -> &[SeenImage] {
        &self.images
    }

    /// Adds images of the results that were added last.
    pub fn on_images(&mut self, images: Vec<ToolImage>) {
        see(&mut self.images, self.transcript.len().saturating_sub(1), images);
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

    /// Adds the results: one for each call that was planned, in the order of the calls.
    pub fn on_results(&mut self, mut results: Vec<ToolResult>) -> Vec<ToolResult> {
        if let Some(Message::Assistant(reply)) = self.transcript.last() {
            self.earlier_calls.tell_of_repeats(reply, &mut results);
        }
        let repeated = self.earlier_calls.repeated();
        if repeated.is_some() {
            results.extend(self.let_go());
        }
        let mut all = std::mem::take(&mut self.answered);
        all.extend(results.iter().cloned());
        if !all.is_empty() {
            self.transcript.push(Message::Tools { results: all });
        }
        self.next = match repeated {
            Some(tool) => Next::Stop(Finish::Repeated { tool }),
            None => self.after_calls(),
        };
        results
    }

    /// The results of calls that wait for a person, if the run ends in another way: nobody is asked,
    /// so they are not made.
    pub fn let_go(&mut self) -> Vec<ToolResult> {
        let output = ToolError::NotMade.to_string();
        let held = std::mem::take(&mut self.held).into_iter();
        let held = held.map(|(call, _)| ToolResult::ours(&call, output.clone()));
        held.chain(self.inquiries.let_go()).collect()
    }

    /// The server of a call asks the person. Returns why that call is given up, if it does not wait:
    /// one form is shown at a time (ADR 44).
    pub fn on_inquiry(
        &mut self,
        call: &ToolCall,
        inquiry: Inquiry,
        catalog: &Catalog,
    ) -> Option<ToolError> {
        let is_alone = self.held.is_empty() && self.asked.is_empty() && self.inquiries.has_room();
        let tool = catalog.find_call(call).filter(|_| is_alone);
        let id = tool.and_then(|tool| Some((tool, self.approvals.inquiry_id(call, tool)?)));
        let Some((tool, id)) = id else { return Some(self.inquiries.refuse(&inquiry)) };
        self.inquire(call.clone(), tool, (id, inquiry));
        None
    }

    /// Refuses what would be made before a call whose server asks: in another order it could mean
    /// something else (ADR 38, ADR 44). What was begun goes on.
    pub fn hold_back(&self, batch: &mut Batch) {
        let is_behind = |it: &&mut Planned| {
            let is_new = it.resumed.is_none() && !it.is_begun;
            it.effect != Effect::ReadOnly && it.refusal.is_none() && is_new
        };
        if !self.inquiries.is_empty() {
            let behind = batch.iter_mut().filter(is_behind);
            behind.for_each(|it| it.refusal = Some(ToolError::BehindAsking));
        }
    }

    /// The tickets of calls that waited in this process for a person and were given up since this was
    /// asked last.
    pub fn take_given_up(&mut self) -> Vec<String> {
        self.inquiries.take_given_up()
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

    /// Takes the results of the last reply off the transcript: those of its other calls come to them.
    fn take_answered(&mut self) {
        let has_results = |last: &mut Message| matches!(last, Message::Tools { .. });
        while let Some(Message::Tools { mut results }) = self.transcript.pop_if(has_results) {
            results.append(&mut self.answered);
            self.answered = results;
        }
    }

    fn plan_all(&mut self, calls: Vec<ToolCall>, catalog: &Catalog) {
        if calls.is_empty() {
            return;
        }
        let mut plan: Vec<_> =
            calls.into_iter().filter_map(|call| self.plan(call, catalog)).collect();
        for planned in &mut plan {
            planned.is_begun = self.is_begun(&planned.call);
        }
        if !self.held.is_empty() {
            let given_up = self.inquiries.give_up().into_iter();
            plan.extend(given_up.map(|(call, why)| refused(call, why)));
        }
        if !self.held.is_empty() && !std::mem::take(&mut self.asked).is_empty() {
            // An approval is asked for alone: a model's questions beside it could mislead (ADR 38).
            let asks = plan.iter_mut().filter(|planned| is_question(planned, catalog));
            asks.for_each(|planned| planned.refusal = Some(ToolError::AskLater));
        }
        self.next = if plan.is_empty() {
            self.after_calls()
        } else {
            Next::Tools(batches(plan.into_iter()))
        };
    }

    /// What comes after the calls of a reply that are made at once.
    fn after_calls(&mut self) -> Next {
        if !self.held.is_empty() {
            let held = std::mem::take(&mut self.held).into_iter().map(|(_, held)| held);
            return Next::Stop(Finish::Held(held.collect()));
        }
        if !self.inquiries.is_empty() {
            return Next::Stop(Finish::Inquired(self.inquiries.take()));
        }
        match std::mem::take(&mut self.asked) {
            asked if asked.is_empty() => Next::Model,
            asked => Next::Stop(Finish::Asked(asked)),
        }
    }

    /// `None` for a call that waits for a person.
    fn plan(&mut self, call: ToolCall, catalog: &Catalog) -> Option<Planned> {
        let Some(arguments) = call.object() else {
            return Some(refused(call, ToolError::Arguments));
        };
        let Some(tool) = catalog.find_call(&call) else {
            // Whose reply it was, only its tool would tell.
            let is_parked = has_parked(&self.replies);
            let refusal = if is_parked { ToolError::AnswerLost } else { absence(&call, catalog) };
            return Some(refused(call, refusal));
        };
        if asks_user(tool) {
            return Some(self.plan_questions(call));
        }
        match self.reply_to(&call, tool) {
            Some((_, InquiryVerdict::Resume(resumed))) => {
                let (effect, resumed) = (tool.effect(), Some(Box::new(resumed)));
                return Some(Planned { resumed, ..made(call, effect) });
            }
            Some((id, InquiryVerdict::AskAgain(inquiry))) => {
                self.inquire(call, tool, (id, inquiry));
                return None;
            }
            None => {}
        }
        if self.earlier_calls.is_too_many(&call.name, arguments) {
            return Some(refused(call, ToolError::Repeated));
        }
        match self.approvals.decide(&call, tool, (&self.transcript, catalog)) {
            CallDecision::Free if self.is_behind(&call, tool) => {
                Some(refused(call, ToolError::Behind))
            }
            CallDecision::Free => Some(made(call, tool.effect())),
            CallDecision::Refused(refusal) => Some(refused(call, refusal)),
            CallDecision::Held(_) if self.held.len() >= MAX_HELD => {
                Some(refused(call, ToolError::TooManyWait))
            }
            CallDecision::Held(held) => {
                self.held.push((call, held));
                None
            }
        }
    }

    /// Whether its effect may have happened already. What the person began only reads (ADR 45).
    fn is_begun(&self, call: &ToolCall) -> bool {
        Reading::of(call).is_none() && self.approvals.is_begun(call)
    }

    /// Whether it would be made before its place in the reply. What was begun keeps its result.
    fn is_behind(&self, call: &ToolCall, tool: &Tool) -> bool {
        let changes = tool.effect() != Effect::ReadOnly;
        changes && !self.held.is_empty() && !self.approvals.is_begun(call)
    }

    /// Questions end the run, after the other calls of the reply were made (ADR 13).
    fn plan_questions(&mut self, call: ToolCall) -> Planned {
        match questions(&call) {
            // One form ends the turn, so a second one would never be answered.
            Ok(_) if !self.asked.is_empty() => refused(call, ToolError::Questions),
            Ok(asked) => {
                self.asked = asked;
                made(call, Effect::ReadOnly)
            }
            Err(refusal) => refused(call, refusal),
        }
    }

    /// What the person answered to the server of this call, if it asked: of this very call, to its tool
    /// as it is still defined.
    fn reply_to(&mut self, call: &ToolCall, tool: &Tool) -> Option<(String, InquiryVerdict)> {
        if self.replies.is_empty() {
            return None;
        }
        self.replies.remove_entry(&self.approvals.inquiry_id(call, tool)?)
    }

    fn inquire(&mut self, call: ToolCall, tool: &Tool, (id, inquiry): (String, Inquiry)) {
        let Some(tool) = tool.origin.id().cloned() else { return };
        self.inquiries.wait(call, InquiredCall { id, tool, inquiry });
    }
}

/// Why a tool is not on offer.
fn absence(call: &ToolCall, catalog: &Catalog) -> ToolError {
    let read = Reading::of(call).and_then(|reading| reading.server);
    let is_of = |server: &str| match &call.tool {
        Some(id) => *id.server == *server,
        None if read.is_some() => read.as_deref() == Some(server),
        None => call.name.strip_prefix(server).is_some_and(|rest| rest.starts_with("__")),
    };
    if catalog.held_back.contains(&call.name) {
        ToolError::HeldBack
    } else if catalog.missing.iter().any(|server| is_of(server)) {
        ToolError::Unavailable
    } else {
        ToolError::Unknown
    }
}

fn is_question(planned: &Planned, catalog: &Catalog) -> bool {
    planned.refusal.is_none() && catalog.find_call(&planned.call).is_some_and(asks_user)
}
