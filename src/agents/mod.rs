//! The agent loop: a brain that only decides and a driver that only does.

mod asking;
mod budget;
mod driver;
mod event;
mod interrupt;
mod ports;
mod prompt;
mod run;

pub use asking::{ASK_USER, WithQuestions};
pub use budget::{Budget, Limit, Overspent};
pub use driver::{Driver, drive};
pub use event::{AgentEvent, Finish, ToolEnd, ToolProgress};
pub use interrupt::Interrupt;
pub use ports::{
    Certainty, Delta, Deltas, Model, ModelError, ModelRequest, Progress, ToolError, ToolRequest,
    Tools,
};
pub use prompt::system_prompt;
pub use run::{Batch, Limits, Planned, Run, Step};
