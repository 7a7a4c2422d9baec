//! Models behind an OpenAI-compatible API, Gemini first. Implements the agent's port `Model`.
//!
//! The `adapter` builds a `request`, sends it through the `transport`, reads the `answer`, and
//! turns what went wrong into a `fault` for the guard. A `chain` asks several models in order.

mod adapter;
mod answer;
mod call;
mod chain;
mod connection;
mod cost;
mod endpoint;
mod extra;
mod fault;
mod provider_family;
mod request;
mod settings;
mod transport;
mod watch;

pub use adapter::OpenAiModel;
pub use answer::chunk::Chunk;
pub use answer::decoder::{Decoder, StreamEnd};
pub use answer::playback::{Played, play};
pub use chain::Chain;
pub use cost::prices::{InvalidPrices, Price, PriceFault, Prices};
pub use fault::failure::Failure;
pub use fault::provider_refusal::ProviderRefusal;
pub use fault::remedy::Remedy;
pub use provider_family::ProviderFamily;
pub use request::body::Body;
pub use request::names::Names;
pub use request::schema::reduce;
pub use request::thinking::Thinking;
pub use request::tool_declarations::ToolDeclarations;
pub use request::wire::Recipient;
pub use settings::{Settings, SettingsError};
pub use watch::lifetimes::announced_end;
pub use watch::likeness::may_be;
pub use watch::model_list::lists;
