//! A model behind an OpenAI-compatible API; Gemini first.

mod adapter;
mod advice;
mod body;
mod calls;
mod chain;
mod decoder;
mod endpoint;
mod failure;
mod lines;
mod names;
mod offer;
mod refused;
mod schema;
mod settings;
mod stream;
mod tap;
mod thinking;
mod thoughts;
mod transcript;
mod transport;

pub use adapter::OpenAiModel;
pub use body::Body;
pub use chain::Chain;
pub use decoder::{Decoder, Ending};
pub use failure::Failure;
pub use names::Names;
pub use offer::Offer;
pub use refused::Refused;
pub use schema::reduce;
pub use settings::{Settings, SettingsError};
pub use thinking::Thinking;
