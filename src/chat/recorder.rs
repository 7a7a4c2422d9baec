//! The scribe of a turn: folds what the agent does into items, keeps what is whole, tells listeners.

use tokio::sync::mpsc;

use super::keeper::Keeper;
use super::open_item::{OpenMessage, OpenWorkflow};
use super::wording::{CUT_MARK, note, told};
use super::{Entry, Level, ThreadEvent, ToolRecord, TurnEnd, budget, describe, questions};
use crate::agents::{AgentEvent, Delta, Finish, ToolProgress};
use crate::domain::{
    Assistant, Item, Message, Question, Reply, Spend, Task, TaskContent, TaskStatus, ToolCall,
    ToolOrigin, ToolResult, WorkflowKind, clean, shorten,
};

/// A failure's reason is shown up to this length.
const MAX_REASON: usize = 300;

/// A turn that says more, in bytes, is ended: nobody reads it, and a model that speaks without end
/// is not to fill memory.
const MAX_SAID: usize = 1024 * 1024;

/// What a scribe must know of its turn.
pub(super) struct Scope {
    /// What the thread had cost before.
    pub(super) spent: Spend,
    /// Whether the person sees questions only as text.
    pub(super) reads_text_only: bool,
    /// Whether tools of several servers are on offer, so that a step names its server.
    pub(super) names_servers: bool,
    pub(super) request_id: String,
}

/// One turn's scribe.
pub(super) struct Recorder {
    keeper: Keeper,
    scope: Scope,
    open: Option<Open>,
    calls: Vec<ToolCall>,
    done: Vec<ToolRecord>,
    texts: Vec<String>,
    spend: Spend,
    /// How many bytes of text were said.
    said: usize,
    told_of_other: bool,
}

/// A turn as it was recorded.
pub(super) struct Recorded {
    pub(super) end: TurnEnd,
    /// The last entry, which is still to be kept and told.
    pub(super) last: Option<Entry>,
    /// Whether nothing is left to do for whoever asks again.
    pub(super) is_final: bool,
}

/// The one item that is growing.
enum Open {
    Message(OpenMessage),
    Workflow(OpenWorkflow),
}

impl Recorder {
    pub(super) fn new(keeper: Keeper, scope: Scope) -> Self {
        let (calls, done, texts) = (Vec::new(), Vec::new(), Vec::new());
        let (spend, said, told_of_other) = (Spend::default(), 0, false);
        Self { keeper, scope, open: None, calls, done, texts, spend, said, told_of_other }
    }

    /// Records a run to its end.
    pub(super) async fn record(mut self, mut events: mpsc::Receiver<AgentEvent>) -> Recorded {
        while let Some(event) = events.recv().await {
            if !matches!(event, AgentEvent::Spent(_) | AgentEvent::Finished(_)) {
                self.keeper.keep_last().await;
            }
            match event {
                AgentEvent::Said(Delta::Thought(thought)) => self.on_thought(thought).await,
                AgentEvent::Said(Delta::Text(text)) => self.on_text(text).await,
                AgentEvent::SpokenBy(model) => self.on_other_model(&model).await,
                AgentEvent::Replied(reply) => self.on_reply(*reply).await,
                AgentEvent::Spent(more) => self.spend += *more,
                AgentEvent::ToolStarted { call, origin } => {
                    self.on_tool_started(*call, origin.as_ref()).await;
                }
                AgentEvent::ToolProgress(told) => self.on_progress(&told).await,
                AgentEvent::ToolFinished(told) => self.on_tool_finished(told.result).await,
                AgentEvent::Answered(results) => {
                    self.keeper.keep(None, Some(Message::Tools { results })).await;
                }
                // In a box: the end must not take room all the way.
                AgentEvent::Finished(finish) => return Box::pin(self.on_finish(finish)).await,
            }
        }
        // A driver always says how it ended, unless it panicked.
        Box::pin(self.on_finish(Finish::Cancelled)).await
    }

    async fn on_thought(&mut self, thought: String) {
        match &mut self.open {
            Some(Open::Workflow(open)) if open.kind() == WorkflowKind::Reasoning => {
                if let Some(event) = open.muse(&thought) {
                    self.keeper.tell(event);
                }
            }
            Some(Open::Message(_)) => {} // A thought amid the answer would tear it apart.
            Some(Open::Workflow(_)) | None => {
                self.close_workflow().await;
                let (open, events) = OpenWorkflow::think(&self.keeper.thread, thought);
                self.begin(Open::Workflow(open), events).await;
            }
        }
    }

    /// Told once: it goes for the rest of the turn.
    async fn on_other_model(&mut self, model: &str) {
        if !std::mem::replace(&mut self.told_of_other, true) {
            let message = format!("The model asked for is not available; {model} answers instead.");
            self.keeper.tell(ThreadEvent::Notice { level: Level::Info, message });
        }
    }

    async fn on_text(&mut self, text: String) {
        self.said += text.len();
        if self.said > MAX_SAID {
            return self.keeper.interrupt.raise(Finish::TooLong);
        }
        self.say(text).await;
    }

    async fn say(&mut self, text: String) {
        if !matches!(self.open, Some(Open::Message(_))) {
            self.close_workflow().await;
            let (open, events) = OpenMessage::begin(&self.keeper.thread);
            self.begin(Open::Message(open), events).await;
        }
        if let Some(Open::Message(open)) = &mut self.open {
            let event = open.push(text);
            self.keeper.tell(event);
        }
    }

    /// A reply without calls is the last, as far as one can tell: it is kept with the turn's end.
    async fn on_reply(&mut self, reply: Reply) {
        let item = self.close_message();
        let is_last = reply.message.calls.is_empty();
        let message = Message::Assistant(reply.message);
        if is_last {
            self.keeper.hold_back(item, message);
        } else {
            self.keeper.keep(item, Some(message)).await;
        }
    }

    async fn on_tool_started(&mut self, call: ToolCall, origin: Option<&ToolOrigin>) {
        if origin == Some(&ToolOrigin::BuiltIn) {
            return; // Questions are shown as what they are.
        }
        let server = origin.and_then(ToolOrigin::server).filter(|_| self.scope.names_servers);
        let (title, icon) = describe(&call, server.map(AsRef::as_ref));
        let (title, icon) = (Some(title), Some(icon.to_owned()));
        let content = TaskContent::Custom { title, icon, content: None };
        let task = Task { status_indicator: TaskStatus::Loading, content };
        let id = call.id.clone();
        self.calls.push(call);
        match &mut self.open {
            Some(Open::Workflow(open)) if open.kind() == WorkflowKind::Custom => {
                let event = open.start(id, task);
                self.keeper.tell(event);
            }
            Some(_) | None => {
                self.close_workflow().await;
                let (open, event) = OpenWorkflow::work(&self.keeper.thread, id, task);
                self.begin(Open::Workflow(open), [event]).await;
            }
        }
    }

    async fn on_progress(&mut self, told: &ToolProgress) {
        if let Some(Open::Workflow(open)) = &mut self.open
            && let Some(event) = open.progress(&told.call, shorten(&clean(&told.words), MAX_REASON))
        {
            self.keeper.tell(event);
        }
    }

    async fn on_tool_finished(&mut self, result: ToolResult) {
        let failure = result.is_error.then(|| shorten(&result.output, MAX_REASON));
        if let Some(Open::Workflow(open)) = &mut self.open
            && let Some(event) = open.finish(&result.id, failure)
        {
            self.keeper.tell(event);
        }
        let Some(index) = self.calls.iter().position(|call| call.id == result.id) else { return };
        self.done.push(ToolRecord {
            name: result.name,
            arguments: self.calls.swap_remove(index).arguments,
            is_error: result.is_error,
            result: result.output,
        });
    }

    async fn on_finish(mut self, finish: Finish) -> Recorded {
        match self.open {
            Some(Open::Message(_)) if !finish.outcome().is_success() => self.cut_message().await,
            Some(Open::Workflow(_)) if finish == Finish::Cancelled => self.open = None,
            Some(_) | None => self.close_workflow().await,
        }
        let finish = self.or_asked(finish);
        if let Finish::Asked(questions) = &finish {
            self.ask(questions.clone()).await;
        }
        if let Some(text) = note(&finish) {
            self.keeper.keep(None, Some(Message::Note { text })).await;
        }
        let finish = self.keeper.trouble().unwrap_or(finish);
        let end = TurnEnd {
            thread: self.keeper.thread.clone(),
            outcome: finish.outcome(),
            told: told(&finish, &self.done, &self.scope.request_id),
            text: self.texts.join("\n\n"),
            tool_calls: self.done,
            spend: self.spend,
            thread_spend: Some(self.scope.spent + self.spend),
        };
        let is_final = finish.outcome().is_success();
        Recorded { end, last: self.keeper.into_last(), is_final }
    }

    /// Whoever sees forms decides whether an answer may cost more.
    fn or_asked(&self, finish: Finish) -> Finish {
        let Finish::OverBudget(over) = finish else { return finish };
        budget::log(&over);
        if self.scope.reads_text_only {
            return Finish::OverBudget(over);
        }
        Finish::Asked(vec![budget::question(&over, &(self.scope.spent + self.spend))])
    }

    async fn ask(&mut self, questions: Vec<Question>) {
        self.texts.push(questions::as_text(&questions));
        let item = questions::pending(&self.keeper.thread, questions);
        self.keeper.keep(Some(item), None).await;
    }

    /// Half an answer is kept and shown as half an answer.
    async fn cut_message(&mut self) {
        self.say(CUT_MARK.to_owned()).await;
        let item = self.close_message();
        let text = self.texts.last().cloned().unwrap_or_default();
        let said = Assistant { text, ..Assistant::default() };
        self.keeper.keep(item, Some(Message::Assistant(said))).await;
    }

    async fn begin<const N: usize>(&mut self, open: Open, events: [ThreadEvent; N]) {
        self.open = Some(open);
        for event in events {
            self.keeper.tell(event);
        }
    }

    fn close_message(&mut self) -> Option<Item> {
        match self.open.take() {
            Some(Open::Message(open)) => {
                let (item, text) = open.close();
                self.texts.push(text);
                Some(item)
            }
            other => {
                self.open = other;
                None
            }
        }
    }

    async fn close_workflow(&mut self) {
        match self.open.take() {
            Some(Open::Workflow(open)) => self.keeper.keep(Some(open.close()), None).await,
            other => self.open = other,
        }
    }
}
