//! What operators may have read again while the server runs (ADR 37).

use serde::Serialize;

pub trait Reload: Send + Sync {
    /// Takes over what was changed, or nothing of it. Blocks while a file is read.
    fn reload(&self) -> Result<Reloaded, ReloadError>;
}

/// What became of each server, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Reloaded {
    /// The same as before, and still connected.
    pub kept: Vec<String>,
    pub added: Vec<String>,
    pub changed: Vec<String>,
    pub removed: Vec<String>,
    /// What does nothing, and was perhaps meant to.
    pub warnings: Vec<FileFault>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReloadError {
    /// No file is configured.
    NoFile,
    /// Nothing was changed.
    Faulty(Vec<FileFault>),
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FileFault {
    /// JSON pointer to it in the file.
    pub pointer: String,
    /// A sentence without a value of the file.
    pub message: String,
}
