//! ChatKit's stream: frames written from facts alone (ADR 8).

mod frame;
mod update;

use serde::Serialize;

use frame::Frame;
pub use frame::ThreadView;
use update::Update;

use super::Wire;
use base::domain::{Item, Outcome, Page, Task, TaskContent, Thread};
use chat::{Change, Fact, Projection};

/// Shown while a message waits in the queue of its thread.
const WAITING: &str = "Waiting for the answer before this one";

/// One stream. What was written so far decides what is written next.
#[derive(Debug, Default)]
pub struct ChatKit {
    items: Projection,
    /// In bytes: the length of the thought when it was last written.
    thought: usize,
}

impl Wire for ChatKit {
    fn write(&mut self, fact: &Fact, piece: &mut Vec<u8>) {
        match self.items.apply(fact) {
            Change::Nothing => write_fact(fact, piece),
            Change::Begun(item) => write_begun(item, piece),
            Change::Text(item_id, delta) => {
                write_frame(piece, &Frame::ItemUpdated { item_id, update: Update::delta(delta) });
            }
            Change::Step(item_id, task_index, task) => {
                self.thought = length(task);
                let update = Update::TaskAdded { task_index, task };
                write_frame(piece, &Frame::ItemUpdated { item_id, update });
            }
            Change::StepChanged(item_id, task_index, task) => {
                // A step is written whole each time, so a thought only once it has doubled. With
                // the complete one at its end it costs at most three times its length, however it
                // is cut (ADR 8).
                if matches!(task.content, TaskContent::Thought { .. }) {
                    if length(task) < 2 * self.thought {
                        return;
                    }
                    self.thought = length(task);
                }
                let update = Update::TaskUpdated { task_index, task };
                write_frame(piece, &Frame::ItemUpdated { item_id, update });
            }
        }
    }

    fn fail(&mut self, message: &str, outcome: Outcome, piece: &mut Vec<u8>) {
        write_frame(piece, &error(message, outcome));
    }
}

/// Facts that do not change the item that grows.
fn write_fact(fact: &Fact, piece: &mut Vec<u8>) {
    match fact {
        Fact::ThreadCreated(thread) => {
            write_frame(piece, &Frame::ThreadCreated { thread: view(thread) });
        }
        Fact::ThreadUpdated(thread) => {
            write_frame(piece, &Frame::ThreadUpdated { thread: view(thread) });
        }
        Fact::Stoppable => write_frame(piece, &Frame::stoppable()),
        Fact::Waiting => write_frame(piece, &Frame::Progress { text: WAITING }),
        Fact::Notice { level, message } => write_frame(piece, &Frame::notice(*level, message)),
        Fact::ItemKept(item) if !item.is_hidden() => write_frame(piece, &Frame::ItemDone { item }),
        Fact::ItemReplaced(item) if !item.is_hidden() => {
            write_frame(piece, &Frame::ItemReplaced { item });
        }
        Fact::Ended(end) => {
            if let Some(message) = &end.told {
                write_frame(piece, &error(message, end.outcome));
            }
        }
        // Hidden items never leave the server.
        Fact::ItemKept(_)
        | Fact::ItemReplaced(_)
        | Fact::RunStarted(_)
        | Fact::ThoughtStarted(_)
        | Fact::Thought(_)
        | Fact::MessageStarted(_)
        | Fact::Text(_)
        | Fact::ToolStarted(_)
        | Fact::ToolProgress { .. }
        | Fact::ToolFinished(_)
        | Fact::Usage(_) => {}
    }
}

/// A message has one part, which begins empty.
fn write_begun(item: &Item, piece: &mut Vec<u8>) {
    write_frame(piece, &Frame::ItemAdded { item });
    if item.is_message() {
        let update = Update::part();
        write_frame(piece, &Frame::ItemUpdated { item_id: &item.id, update });
    }
}

fn view(thread: &Thread) -> ThreadView<'_> {
    ThreadView::new(thread, Page::empty())
}

fn error(message: &str, outcome: Outcome) -> Frame<'_> {
    Frame::Error { code: "custom", message, allow_retry: outcome.allows_retry() }
}

fn length(task: &Task) -> usize {
    match &task.content {
        TaskContent::Thought { content, .. } => content.len(),
        TaskContent::Custom { .. }
        | TaskContent::WebSearch { .. }
        | TaskContent::File { .. }
        | TaskContent::Image { .. } => 0,
    }
}

fn write_frame(piece: &mut Vec<u8>, frame: &impl Serialize) {
    piece.extend_from_slice(b"data: ");
    // Our frames have string keys and no fallible parts, so writing them to memory cannot fail.
    if let Err(error) = serde_json::to_writer(&mut *piece, frame) {
        tracing::error!(error = &error as &dyn std::error::Error, "Frame was not written");
    }
    piece.extend_from_slice(b"\n\n");
}
