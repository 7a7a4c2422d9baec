//! Builds the item that grows from facts: one result for the store and for every wire (ADR 8).

use super::super::{Fact, ToolEnd, ToolStart};
use super::describe::describe;
use base::domain::{
    CallId, Item, ItemContent, ItemId, Task, TaskContent, TaskStatus, ThreadId, Workflow,
    WorkflowKind, clean, shorten, unlinked,
};

/// In characters; a longer reason of a failed call is cut.
const MAX_REASON: usize = 300;

/// Follows the facts of one turn.
#[derive(Debug, Default)]
pub struct Projection {
    thread: Option<ThreadId>,
    /// Whether several servers offer tools, so that a step names its server.
    names_servers: bool,
    growing: Option<Growing>,
}

/// An item while it grows: shown, not yet complete and stored. The text of a message is not in it.
#[derive(Debug)]
pub(crate) struct Growing {
    pub(crate) item: Item,
    /// The calls of its steps, in the same order.
    calls: Vec<CallId>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    Message,
    Thought,
    /// Calls of tools.
    Steps,
}

/// How a fact changed the item that grows.
#[derive(Debug)]
pub enum Change<'a> {
    Nothing,
    Begun(&'a Item),
    /// More text of the message.
    Text(&'a ItemId, &'a str),
    /// A new step, with its index.
    Step(&'a ItemId, usize, &'a Task),
    /// A changed step, with its index.
    StepChanged(&'a ItemId, usize, &'a Task),
}

impl Projection {
    pub fn apply<'a>(&'a mut self, fact: &'a Fact) -> Change<'a> {
        match fact {
            Fact::RunStarted(start) => {
                self.thread = Some(start.thread.clone());
                self.names_servers = start.servers.len() > 1;
                Change::Nothing
            }
            Fact::MessageStarted(start) => {
                let content = ItemContent::AssistantMessage { content: Vec::new() };
                self.begin(&start.item, start.at, content)
            }
            Fact::ThoughtStarted(start) => {
                let content = workflow(WorkflowKind::Reasoning, Vec::new());
                self.begin(&start.item, start.at, content)
            }
            Fact::Text(more) => match &self.growing {
                Some(growing) => Change::Text(&growing.item.id, more),
                None => Change::Nothing,
            },
            Fact::Thought(more) => self.think(more),
            Fact::ToolStarted(start) => self.start_tool(start),
            Fact::ToolProgress { call, words } => {
                self.change(call, TaskStatus::Loading, Some(words.clone()))
            }
            Fact::ToolFinished(end) => self.finish_tool(end),
            Fact::ItemKept(item) => {
                // Other items, such as forms, are stored without having grown.
                self.growing.take_if(|growing| growing.item.id == item.id);
                Change::Nothing
            }
            Fact::ThreadCreated(_)
            | Fact::ThreadUpdated(_)
            | Fact::Stoppable
            | Fact::Waiting
            | Fact::Notice { .. }
            | Fact::Usage(_)
            | Fact::ItemReplaced(_)
            | Fact::Ended(_) => Change::Nothing,
        }
    }

    pub(crate) const fn growing(&self) -> Option<&Growing> {
        self.growing.as_ref()
    }

    /// Takes the item that grows: it is complete, or given up.
    pub(crate) fn take(&mut self) -> Option<Growing> {
        self.growing.take()
    }

    fn begin(&mut self, id: &ItemId, at: jiff::Timestamp, content: ItemContent) -> Change<'_> {
        let Some(thread) = self.thread.clone() else { return Change::Nothing };
        let item = Item { id: id.clone(), thread_id: thread, created_at: at, content };
        Change::Begun(&self.growing.insert(Growing { item, calls: Vec::new() }).item)
    }

    /// One thought is one step, in however many pieces it comes.
    fn think(&mut self, more: &str) -> Change<'_> {
        let Some(Growing { item, .. }) = &mut self.growing else { return Change::Nothing };
        let ItemContent::Workflow { workflow } = &mut item.content else { return Change::Nothing };
        if let Some(Task { content: TaskContent::Thought { content, .. }, .. }) =
            workflow.tasks.first_mut()
        {
            content.push_str(more);
            return changed(&item.id, &workflow.tasks, 0);
        }
        let content = TaskContent::Thought { title: None, content: more.to_owned() };
        workflow.tasks.push(Task { status_indicator: TaskStatus::None, content });
        added(&item.id, &workflow.tasks)
    }

    /// The first step begins a workflow, further ones join it.
    fn start_tool(&mut self, start: &ToolStart) -> Change<'_> {
        let server = start.server.as_deref().filter(|_| self.names_servers);
        let (title, icon) = describe(&start.call, server);
        let (title, icon) = (Some(title), Some(icon.to_owned()));
        let content = TaskContent::Custom { title, icon, content: None };
        let task = Task { status_indicator: TaskStatus::Loading, content };
        let joins = self.growing.as_ref().is_some_and(|growing| growing.item.id == start.item);
        if !joins {
            let content = workflow(WorkflowKind::Custom, vec![task]);
            if let Change::Nothing = self.begin(&start.item, start.at, content) {
                return Change::Nothing;
            }
            let Some(growing) = &mut self.growing else { return Change::Nothing };
            growing.calls.push(start.call.id.clone());
            return Change::Begun(&growing.item);
        }
        let Some(Growing { item, calls }) = &mut self.growing else { return Change::Nothing };
        let ItemContent::Workflow { workflow } = &mut item.content else { return Change::Nothing };
        calls.push(start.call.id.clone());
        workflow.tasks.push(task);
        added(&item.id, &workflow.tasks)
    }

    /// A failed call shows why, another one what came beside its text.
    fn finish_tool(&mut self, end: &ToolEnd) -> Change<'_> {
        if end.is_error {
            let reason = unlinked(&shorten(&clean(&end.output), MAX_REASON));
            self.change(&end.call, TaskStatus::None, Some(reason))
        } else {
            self.change(&end.call, TaskStatus::Complete, end.beside.clone())
        }
    }

    fn change(&mut self, call: &CallId, status: TaskStatus, words: Option<String>) -> Change<'_> {
        let Some(Growing { item, calls }) = &mut self.growing else { return Change::Nothing };
        let ItemContent::Workflow { workflow } = &mut item.content else { return Change::Nothing };
        // The newest one: some providers number the calls of each reply from the start.
        let Some(index) = calls.iter().rposition(|known| known == call) else {
            return Change::Nothing;
        };
        if let Some(task) = workflow.tasks.get_mut(index)
            && let TaskContent::Custom { content, .. } = &mut task.content
        {
            (task.status_indicator, *content) = (status, words);
        }
        changed(&item.id, &workflow.tasks, index)
    }
}

impl Growing {
    pub(crate) const fn shape(&self) -> Shape {
        match &self.item.content {
            ItemContent::Workflow { workflow } => match workflow.kind {
                WorkflowKind::Custom => Shape::Steps,
                WorkflowKind::Reasoning => Shape::Thought,
            },
            ItemContent::AssistantMessage { .. }
            | ItemContent::UserMessage { .. }
            | ItemContent::Task { .. }
            | ItemContent::StructuredInput { .. }
            | ItemContent::ClientToolCall { .. }
            | ItemContent::Widget { .. }
            | ItemContent::GeneratedImage { .. }
            | ItemContent::EndOfTurn {}
            | ItemContent::HiddenContextItem { .. }
            | ItemContent::SdkHiddenContext { .. } => Shape::Message,
        }
    }
}

fn workflow(kind: WorkflowKind, tasks: Vec<Task>) -> ItemContent {
    let workflow = Workflow { kind, tasks, summary: None, expanded: false };
    ItemContent::Workflow { workflow }
}

fn added<'a>(item: &'a ItemId, tasks: &'a [Task]) -> Change<'a> {
    match tasks.split_last() {
        Some((task, before)) => Change::Step(item, before.len(), task),
        None => Change::Nothing,
    }
}

fn changed<'a>(item: &'a ItemId, tasks: &'a [Task], index: usize) -> Change<'a> {
    tasks.get(index).map_or(Change::Nothing, |task| Change::StepChanged(item, index, task))
}
