//! The bundled offline model: an OpenAI-compatible server of our own.

mod brain;

mod conversation;

mod settings;

mod server;

mod plain;

mod emulation;

mod choice;

mod scenarios;

mod script;

mod checks;

mod refusal;

mod agent;

mod wire;

mod body;

mod reply;

mod completion;

mod written;

mod transport;

mod sse;

mod delivery;

mod line;

mod control;

mod log;

mod knobs;

mod profile;

mod ids;

mod usage;

pub use brain::answer;
pub use conversation::{Answer, Call, Conversation, PlannedCall, Said, ToolSpec};
pub use knobs::{Flag, Knobs, Parallel, UnknownKnob};
pub use scenarios::scenario_names;
pub use server::{router, serve};
pub use settings::{Agent, Brain, EmulateSettings, Mode, Settings};
