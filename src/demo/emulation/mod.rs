//! Everything that exists only under `--emulate`: strict checks, scenarios, scripts, the log.
//! Behind the feature `emulator`, so it is not in the released binary (ADR 27).

mod agent;

mod chat;

mod checks;

mod choice;

mod control;

mod emulated_server;

mod flood;

mod knobs;

mod log;

mod play;

mod prefixes;

mod gemini_refusal;

mod routes;

mod scenarios;

mod script;

mod settings;

mod transport;

mod written;

pub(super) use chat::Emulation;
pub use emulated_server::EmulatedServer;
pub use knobs::{Flag, Knobs, UnknownKnob};
pub(super) use routes::routes;
pub use scenarios::scenario_names;
pub use settings::{Agent, EmulateSettings, UnknownAgent};
