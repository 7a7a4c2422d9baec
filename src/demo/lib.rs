//! The bundled offline model: an OpenAI-compatible server that speaks like Gemini (ADR 9). A
//! separate package that shares no code with the agent (ADR 27).
//!
//! `conversation` has the shared types. The `brain` answers users and knows no wire format; `wire`
//! reads requests and writes answers; `plain` combines the two, and that is all that is released.
//! `emulation`, behind the feature `emulator`, is the test double on the same wire.

mod brain;

mod command;

mod conversation;

#[cfg(feature = "emulator")]
mod emulation;

mod plain;

mod server;

mod settings;

#[cfg_attr(
    not(feature = "emulator"),
    expect(dead_code, reason = "parts of the wire serve the emulator alone")
)]
mod wire;

pub use brain::answer;
pub use command::DemoModel;
pub use conversation::{Brain, BrainAnswer, Call, Conversation, PlannedCall, Said, ToolSpec};
#[cfg(feature = "emulator")]
pub use emulation::{
    Agent, EmulateSettings, EmulatedServer, Flag, Knobs, UnknownAgent, UnknownKnob, scenario_names,
};
pub use server::{router, serve};
pub use settings::{Mode, Settings};
pub use wire::pace::Pace;
pub use wire::phrases::Chars;
pub use wire::reply::Parallel;
