//! Turns the agent's events into facts as they happen, items when they are complete, and the end.

use std::sync::Arc;

use tokio::time::Instant;

use super::super::forms::approval::{self, Confirmation};
use super::super::forms::{budget, inquiry, questions};
use super::super::request::now;
use super::super::turn::TurnLog;
use super::super::{Fact, Level, RunStart, Start, ToolRecord, TurnEnd};
use super::beside::Pictures;
use super::entry_queue::EntryQueue;
use super::projection::{Growing, Projection, Shape};
use super::scope::Scope;
use super::wording::{CUT_MARK, message_for_person, note};
use base::agents::{AgentEvent, Delta, Finish};
use base::domain::{
    Assistant, Cleaner, Item, ItemContent, ItemId, LinkFilter, Message, OutputText, Question,
    Reply, SignInOffer, SpendByModel, Summary, TaskStatus, ToolCall,
};

/// In bytes: a thought is shown up to this length.
const MAX_THOUGHT: usize = 20_000;

/// In bytes. A turn with more text ends as `too_long`: nobody reads it, and a model that never
/// stops must not fill the memory (ADR 24).
const MAX_SAID: usize = 2 * 1024 * 1024;

pub(crate) struct Scribe {
    log: Arc<TurnLog>,
    pub(super) scope: Scope,
    run: RunStart,
    pub(crate) queue: EntryQueue,
    pub(super) items: Projection,
    /// When the item that grows began.
    pub(super) begun: Instant,
    /// The text of the message or thought that grows.
    words: String,
    cleaner: Cleaner,
    links: LinkFilter,
    pub(super) calls: Vec<ToolCall>,
    pub(super) done: Vec<ToolRecord>,
    pub(super) pictures: Pictures,
    texts: Vec<String>,
    spends: SpendByModel,
    /// Bytes of text so far, for [`MAX_SAID`].
    said: usize,
    told_of_other: bool,
    confirmation: Option<Box<Confirmation>>,
    /// One for each server.
    pub(super) sign_ins: Vec<SignInOffer>,
    finish: Finish,
}

impl Scribe {
    pub(crate) fn new(log: Arc<TurnLog>, run: RunStart, scope: Scope) -> Self {
        let mut scribe = Self {
            log,
            scope,
            queue: EntryQueue::new(run.turn.clone()),
            items: Projection::default(),
            begun: Instant::now(),
            words: String::new(),
            cleaner: Cleaner::default(),
            links: LinkFilter::default(),
            calls: Vec::new(),
            done: Vec::new(),
            pictures: Pictures::default(),
            texts: Vec::new(),
            spends: SpendByModel::default(),
            said: 0,
            told_of_other: false,
            confirmation: None,
            sign_ins: Vec::new(),
            // A driver always reports its end, unless it panicked.
            finish: Finish::Cancelled,
            run: run.clone(),
        };
        scribe.tell(Fact::RunStarted(Box::new(run)));
        scribe
    }

    /// Processes an event; returns why the run must end, if it must.
    pub(crate) fn on(&mut self, event: AgentEvent) -> Option<Finish> {
        // Progress may come late, from another task: it does not show that the run continues.
        let goes_on = !matches!(
            event,
            AgentEvent::Spent(_) | AgentEvent::Finished(_) | AgentEvent::ToolProgress(_)
        );
        if goes_on {
            self.queue.keep_last();
        }
        match event {
            AgentEvent::Said(Delta::Thought(thought)) => self.on_thought(&thought),
            AgentEvent::Said(Delta::Text(text)) => return self.on_text(&text),
            AgentEvent::SpokenBy(model) => self.on_other_model(&model),
            AgentEvent::Replied(reply) => self.on_reply(*reply),
            AgentEvent::Spent(more) => {
                self.tell(Fact::Usage(Box::new(more.total())));
                self.spends.add_all(*more);
            }
            AgentEvent::ToolStarted { call, origin } => self.on_tool_started(*call, origin),
            AgentEvent::ToolProgress(told) => self.on_progress(*told),
            AgentEvent::ToolFinished(told) => self.on_tool_finished(*told),
            AgentEvent::ToolWaits(call) => self.on_tool_waits(call),
            AgentEvent::Answered(results) => {
                self.queue.keep(None, Some(Message::Tools { results }));
            }
            AgentEvent::Finished(finish) => self.on_finish(finish),
        }
        None
    }

    /// An entry was written (`Some`) or not: announces it, and what waited behind it.
    pub(crate) fn written(&mut self, kept: Option<Item>) {
        self.queue.written(kept, &self.log);
    }

    /// How the turn ended. If something could not be stored (`trouble`), that is its end.
    pub(crate) fn end(&mut self, trouble: Option<Finish>) -> TurnEnd {
        let finish = trouble.unwrap_or_else(|| self.finish.clone());
        let spend = self.spends.total();
        TurnEnd {
            thread: self.run.thread.clone(),
            outcome: finish.outcome(),
            told: message_for_person(&finish, &self.done, &self.scope.request_id),
            text: self.texts.join("\n\n"),
            tool_calls: std::mem::take(&mut self.done),
            spend,
            thread_spend: Some(self.scope.spent + spend),
            confirmation: self.confirmation.take().filter(|_| finish.outcome().is_success()),
            sign_ins: std::mem::take(&mut self.sign_ins),
        }
    }

    /// The cost of this turn, by model.
    pub(crate) fn spends(&self) -> SpendByModel {
        self.spends.clone()
    }

    fn on_thought(&mut self, thought: &str) {
        match self.shape() {
            Some(Shape::Message) => return, // A thought in the middle would split the answer.
            Some(Shape::Thought) => {}
            Some(Shape::Steps) | None => {
                self.close_workflow();
                let item = ItemId::new_workflow();
                self.begin(|start| Fact::ThoughtStarted(Box::new(start)), item);
            }
        }
        let thought = self.links.filter(&self.cleaner.clean(thought));
        self.think(&thought);
    }

    fn think(&mut self, thought: &str) {
        let room = MAX_THOUGHT.saturating_sub(self.words.len());
        let thought = thought.get(..thought.floor_char_boundary(room)).unwrap_or_default();
        if !thought.is_empty() {
            self.words.push_str(thought);
            self.tell(Fact::Thought(thought.to_owned()));
        }
    }

    /// Announced once: it applies to the rest of the turn.
    fn on_other_model(&mut self, model: &str) {
        if !std::mem::replace(&mut self.told_of_other, true) {
            let message = format!("The model asked for is not available; {model} answers instead.");
            self.tell(Fact::Notice { level: Level::Info, message });
        }
    }

    fn on_text(&mut self, text: &str) -> Option<Finish> {
        self.said += text.len();
        if self.said > MAX_SAID {
            return Some(Finish::TooLong);
        }
        self.say(text);
        None
    }

    fn say(&mut self, text: &str) {
        if self.shape() != Some(Shape::Message) {
            self.close_workflow();
            let item = ItemId::new_message();
            self.begin(|start| Fact::MessageStarted(Box::new(start)), item);
        }
        // One cleaner for the whole text: a hidden sequence may be split between two pieces.
        let text = self.links.filter(&self.cleaner.clean(text));
        self.write(text);
    }

    fn write(&mut self, text: String) {
        if !text.is_empty() {
            self.words.push_str(&text);
            self.tell(Fact::Text(text));
        }
    }

    /// A reply without calls is probably the last: it is stored with the turn's end (ADR 20).
    fn on_reply(&mut self, reply: Reply) {
        let item = self.close_message();
        let is_last = reply.message.calls.is_empty();
        let message = Message::Assistant(reply.message);
        if is_last {
            self.queue.hold_back(item, message);
        } else {
            self.queue.keep(item, Some(message));
        }
    }

    fn on_finish(&mut self, finish: Finish) {
        // The item that grows is closed first: the form and the note come after it.
        match self.shape() {
            Some(Shape::Message) if !finish.outcome().is_success() => self.cut_message(),
            Some(Shape::Steps) if finish == Finish::Cancelled => self.cut_steps(),
            Some(Shape::Thought) if finish == Finish::Cancelled => drop(self.items.take()),
            Some(_) | None => self.close_workflow(),
        }
        self.finish = self.or_asked(finish);
        match self.finish.clone() {
            Finish::Asked(questions) => drop(self.ask(questions)),
            Finish::Held(held) => {
                let form = self.ask(approval::questions(&held));
                self.confirmation = approval::confirmation(&form, &held).map(Box::new);
            }
            Finish::Inquired(calls) => {
                let inquiry = inquiry::stored(&self.run.thread, &calls);
                self.queue.keep(Some(inquiry), None);
                drop(self.ask(inquiry::questions(&calls)));
            }
            Finish::Completed
            | Finish::Cancelled
            | Finish::StepLimit { .. }
            | Finish::OverBudget(_)
            | Finish::Repeated { .. }
            | Finish::Deadline
            | Finish::TooLong
            | Finish::ShutDown
            | Finish::Storage
            | Finish::Lost
            | Finish::Model(_) => {}
        }
        if let Some(text) = note(&self.finish) {
            self.queue.keep(None, Some(Message::Note { text }));
        }
    }

    /// A client with forms asks the user whether the answer may cost more (ADR 16).
    fn or_asked(&self, finish: Finish) -> Finish {
        let Finish::OverBudget(over) = finish else { return finish };
        budget::log(&over);
        if !self.scope.abilities.forms {
            return Finish::OverBudget(over);
        }
        Finish::Asked(vec![budget::question(&over, &(self.scope.spent + self.spends.total()))])
    }

    fn ask(&mut self, questions: Vec<Question>) -> Item {
        self.texts.push(questions::as_text(&questions));
        let item = questions::pending(&self.run.thread, questions);
        self.queue.keep(Some(item.clone()), None);
        item
    }

    /// Text that was shown is stored, marked as cut (ADR 7).
    fn cut_message(&mut self) {
        self.say(CUT_MARK);
        let item = self.close_message();
        let text = self.texts.last().cloned().unwrap_or_default();
        // With the mark, so that the model knows how much the user has seen.
        let said = Assistant { text, ..Assistant::default() };
        self.queue.keep(item, Some(Message::Assistant(said)));
    }

    /// In a cancelled turn only the finished steps are kept.
    fn cut_steps(&mut self) {
        let Some(mut growing) = self.items.take() else { return };
        let ItemContent::Workflow { workflow } = &mut growing.item.content else { return };
        workflow.tasks.retain(|task| task.status_indicator != TaskStatus::Loading);
        if !workflow.tasks.is_empty() {
            self.keep_workflow(growing);
        }
    }

    pub(super) fn close_workflow(&mut self) {
        if self.shape() == Some(Shape::Thought) {
            let rest = self.links.rest();
            self.think(&rest);
        }
        if self.shape() != Some(Shape::Message)
            && let Some(growing) = self.items.take()
        {
            self.keep_workflow(growing);
        }
    }

    fn keep_workflow(&mut self, mut growing: Growing) {
        if let ItemContent::Workflow { workflow } = &mut growing.item.content {
            workflow.summary = Some(Summary::Took { duration: self.begun.elapsed().as_secs() });
        }
        let thread = growing.item.thread_id.clone();
        self.queue.keep(Some(growing.item), None);
        for picture in self.pictures.items(&thread) {
            self.queue.keep(Some(picture), None);
        }
    }

    fn close_message(&mut self) -> Option<Item> {
        if self.shape() != Some(Shape::Message) {
            return None;
        }
        let rest = self.links.rest();
        self.write(rest);
        let mut item = self.items.take()?.item;
        let text = std::mem::take(&mut self.words);
        let part = OutputText { annotations: Vec::new(), text: text.clone() };
        item.content = ItemContent::AssistantMessage { content: vec![part] };
        self.texts.push(text);
        Some(item)
    }

    fn begin(&mut self, fact: impl FnOnce(Start) -> Fact, item: ItemId) {
        (self.begun, self.words, self.cleaner) =
            (Instant::now(), String::new(), Cleaner::default());
        self.links = LinkFilter::new(self.scope.allowed_domains.clone());
        self.tell(fact(Start { item, at: now() }));
    }

    fn shape(&self) -> Option<Shape> {
        self.items.growing().map(Growing::shape)
    }

    pub(super) fn tell(&mut self, fact: Fact) {
        self.items.apply(&fact);
        self.queue.tell(fact, &self.log);
    }
}
