//! The nouns of the house: plain values that do no input or output.

mod health;
mod ids;
mod item;
mod message;
mod outcome;
mod secret;
mod text;
mod thread;
mod tool;

pub use health::{BreakerReport, BreakerState, CallCounts, Dependency, Detail, HealthProbe};
pub use ids::{CallId, ItemId, ThreadId};
pub use item::{
    Item, ItemContent, OutputText, Summary, Task, TaskStatus, UserContent, Workflow, WorkflowKind,
};
pub use message::{Assistant, Message, Reply, ToolCall, ToolResult, Usage};
pub use outcome::Outcome;
pub use secret::Secret;
pub use text::{InvalidText, UserText, clean, shorten};
pub use thread::{Order, Page, PageRequest, Thread, ThreadStatus};
pub use tool::{Catalog, Effect, Tool};
