//! An item while it grows: begun and shown, not yet whole and kept.

use tokio::time::Instant;

use super::request::now;
use super::{ItemUpdate, ThreadEvent};
use crate::domain::{
    CallId, Item, ItemContent, ItemId, OutputText, Summary, Task, TaskContent, TaskStatus,
    ThreadId, Workflow, WorkflowKind,
};

/// Thoughts beyond this are not shown.
const MAX_THOUGHT: usize = 20_000;

/// The model's words while they come.
pub(super) struct OpenMessage {
    item: Item,
    text: String,
}

/// Steps while they are made.
pub(super) struct OpenWorkflow {
    item: Item,
    workflow: Workflow,
    calls: Vec<CallId>,
    begun: Instant,
}

impl OpenMessage {
    /// Begins a message; the events show it empty.
    pub(super) fn begin(thread: &ThreadId) -> (Self, [ThreadEvent; 2]) {
        let content = ItemContent::AssistantMessage { content: Vec::new() };
        let item = item(ItemId::new_message(), thread, content);
        let events =
            [ThreadEvent::ItemAdded(Box::new(item.clone())), updated(&item, ItemUpdate::TextBegun)];
        (Self { item, text: String::new() }, events)
    }

    /// Adds a piece.
    pub(super) fn push(&mut self, delta: String) -> ThreadEvent {
        self.text.push_str(&delta);
        updated(&self.item, ItemUpdate::TextDelta(delta))
    }

    /// The item as it is to be kept, and its text.
    pub(super) fn close(mut self) -> (Item, String) {
        let part = OutputText { annotations: Vec::new(), text: self.text.clone() };
        self.item.content = ItemContent::AssistantMessage { content: vec![part] };
        (self.item, self.text)
    }
}

impl OpenWorkflow {
    /// Begins thinking.
    pub(super) fn think(thread: &ThreadId, thought: String) -> (Self, [ThreadEvent; 2]) {
        let mut open = Self::begin(thread, WorkflowKind::Reasoning, Vec::new());
        let added = ThreadEvent::ItemAdded(Box::new(open.item.clone()));
        let content = TaskContent::Thought { title: None, content: thought };
        let task = Task { status_indicator: TaskStatus::None, content };
        let grown = open.add(task);
        (open, [added, grown])
    }

    /// Begins working; the first step is shown with it.
    pub(super) fn work(thread: &ThreadId, call: CallId, task: Task) -> (Self, ThreadEvent) {
        let mut open = Self::begin(thread, WorkflowKind::Custom, vec![task]);
        open.calls.push(call);
        let added = ThreadEvent::ItemAdded(Box::new(open.item.clone()));
        (open, added)
    }

    /// Whether it shows thoughts or calls.
    pub(super) fn kind(&self) -> WorkflowKind {
        self.workflow.kind
    }

    /// Adds to the thought; nothing is shown once it is too long.
    pub(super) fn muse(&mut self, more: &str) -> Option<ThreadEvent> {
        let task = &mut self.workflow.tasks.last_mut()?.content;
        let TaskContent::Thought { content, .. } = task else { return None };
        if content.len() > MAX_THOUGHT {
            return None;
        }
        content.push_str(more);
        self.changed(self.workflow.tasks.len().saturating_sub(1))
    }

    /// Adds a step for a call.
    pub(super) fn start(&mut self, call: CallId, task: Task) -> ThreadEvent {
        self.calls.push(call);
        self.add(task)
    }

    /// Says how far the step of a call is.
    pub(super) fn progress(&mut self, call: &CallId, words: String) -> Option<ThreadEvent> {
        self.change(call, TaskStatus::Loading, Some(words))
    }

    /// Ends the step of a call, with the reason if it failed.
    pub(super) fn finish(
        &mut self,
        ended: &CallId,
        failure: Option<String>,
    ) -> Option<ThreadEvent> {
        let status = if failure.is_some() { TaskStatus::None } else { TaskStatus::Complete };
        self.change(ended, status, failure)
    }

    /// The item as it is to be kept.
    pub(super) fn close(mut self) -> Item {
        self.workflow.summary = Some(Summary::Took { duration: self.begun.elapsed().as_secs() });
        self.item.content = ItemContent::Workflow { workflow: self.workflow };
        self.item
    }

    fn begin(thread: &ThreadId, kind: WorkflowKind, tasks: Vec<Task>) -> Self {
        let workflow = Workflow { kind, tasks, summary: None, expanded: false };
        let content = ItemContent::Workflow { workflow: workflow.clone() };
        let item = item(ItemId::new_workflow(), thread, content);
        Self { item, workflow, calls: Vec::new(), begun: Instant::now() }
    }

    fn add(&mut self, task: Task) -> ThreadEvent {
        let index = self.workflow.tasks.len();
        self.workflow.tasks.push(task.clone());
        updated(&self.item, ItemUpdate::TaskAdded(index, Box::new(task)))
    }

    fn change(
        &mut self,
        call: &CallId,
        status: TaskStatus,
        words: Option<String>,
    ) -> Option<ThreadEvent> {
        let index = self.calls.iter().position(|known| known == call)?;
        let task = self.workflow.tasks.get_mut(index)?;
        let TaskContent::Custom { content, .. } = &mut task.content else { return None };
        (task.status_indicator, *content) = (status, words);
        self.changed(index)
    }

    fn changed(&self, index: usize) -> Option<ThreadEvent> {
        let task = self.workflow.tasks.get(index)?.clone();
        Some(updated(&self.item, ItemUpdate::TaskUpdated(index, Box::new(task))))
    }
}

fn item(id: ItemId, thread: &ThreadId, content: ItemContent) -> Item {
    Item { id, thread_id: thread.clone(), created_at: now(), content }
}

fn updated(item: &Item, update: ItemUpdate) -> ThreadEvent {
    ThreadEvent::ItemUpdated { item: item.id.clone(), update }
}
